/** The parts of `http` and `http2` requests and responses that are the same. */
type Handler<Request, Response> = (request: Request, response: Response) => void;

interface Answer {
  writeHead(status: number): unknown;
  end(): unknown;
}

/**
 * Connect's adapter throws when it cannot make a request of what came: headers that give no URL, `Host: [::` for example. Where nobody
 * catches that the process ends, so it is answered with 400.
 */
export function safely<Request, Response extends Answer>(
  handler: Handler<Request, Response>,
): Handler<Request, Response> {
  return (request, response) => {
    try {
      handler(request, response);
    } catch {
      response.writeHead(400);
      response.end();
    }
  };
}
