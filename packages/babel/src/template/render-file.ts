export async function renderTemplate(_x: any): Promise<boolean> {
  return false;
}
