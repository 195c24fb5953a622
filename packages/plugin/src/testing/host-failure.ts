/** What a host says when it cannot do what it is asked; `code` as the real one has it (`error_code(e)`). */
export class HostFailure extends Error {
  readonly code: string | undefined;
  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

export const NO_SUCH_FILE = "No such file or directory (os error 2)";
