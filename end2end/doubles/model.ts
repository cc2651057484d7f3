//! A model server with a script: OpenAI's chat completions over HTTP and SSE. It decides nothing by itself, records
//! what it was asked, and refuses conversations that a real server would refuse.

import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ToolCall {
  id?: string;
  name: string;
  args: Record<string, unknown>;
}

/** What the model says once it is asked. */
export interface Turn {
  text?: string;
  tools?: ToolCall[];
  /** The answer waits for this, so that a test can look at a run under way. */
  after?: Promise<void>;
  /** Instead of an answer: an HTTP status and the provider's own words. */
  fails?: { status: number; message: string };
}

export interface Message {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content?: unknown;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

export interface ModelRequest {
  model: string;
  messages: Message[];
  stream?: boolean;
  tools?: { function: { name: string } }[];
  authorization: string;
}

type Script = (request: ModelRequest) => Turn | undefined;

/** A promise with its handle. */
export interface Gate {
  promise: Promise<void>;
  open: () => void;
}

export function gate(): Gate {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

export class ModelServer {
  readonly requests: ModelRequest[] = [];
  /** What a real server would have refused. Tests expect none. */
  readonly refusals: string[] = [];
  private readonly scripts: { about: string; script: Script }[] = [];
  private readonly server: http.Server;
  private calls = 0;

  private constructor() {
    this.server = http.createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        this.refusals.push(`the double failed: ${String(error)}`);
        response.destroy();
      });
    });
  }

  static async start(): Promise<ModelServer> {
    const model = new ModelServer();
    await new Promise<void>((resolve) => model.server.listen(0, '127.0.0.1', resolve));
    return model;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  /** Answers conversations that mention `about`, turn by turn: as many assistant messages, so many turns are over. */
  script(about: string, turns: Turn[]): void {
    this.respond(about, (request) => turns[request.messages.filter((message) => message.role === 'assistant').length]);
  }

  /** Answers conversations that mention `about` as the function says. */
  respond(about: string, script: Script): void {
    this.scripts.unshift({ about, script });
  }

  /** What tools answered in conversations that mention `about`. */
  toolResults(about: string): string[] {
    const last = this.requests.filter((request) => mentions(request, about)).at(-1);
    return (last?.messages ?? []).filter((message) => message.role === 'tool').map((message) => textOf(message));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (request.method === 'GET' && request.url === '/v1/models') {
      return json(response, 200, { object: 'list', data: [{ id: 'scripted-1', object: 'model' }] });
    }
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
      return json(response, 404, { error: { message: `no such address: ${request.method} ${request.url}` } });
    }
    const body = JSON.parse(await read(request)) as Omit<ModelRequest, 'authorization'>;
    const asked: ModelRequest = { ...body, authorization: request.headers.authorization ?? '' };
    this.requests.push(asked);
    const refusal = orphan(asked.messages);
    if (refusal) {
      this.refusals.push(refusal);
      return json(response, 400, { error: { message: refusal, type: 'invalid_request_error' } });
    }
    const turn = this.scripts
      .filter(({ about }) => mentions(asked, about))
      .map(({ script }) => script(asked))
      .find((found) => found !== undefined);
    if (!turn) return json(response, 400, { error: { message: 'the script has no turn for this conversation' } });
    await turn.after;
    if (turn.fails) return json(response, turn.fails.status, { error: { message: turn.fails.message } });
    if (asked.stream) this.stream(response, asked.model, turn);
    else json(response, 200, this.whole(asked.model, turn));
  }

  private toolCalls(turn: Turn): { id: string; type: 'function'; function: { name: string; arguments: string } }[] {
    return (turn.tools ?? []).map((call) => ({
      id: call.id ?? `call_${++this.calls}`,
      type: 'function',
      function: { name: call.name, arguments: JSON.stringify(call.args) },
    }));
  }

  private whole(model: string, turn: Turn): unknown {
    const calls = this.toolCalls(turn);
    const message = { role: 'assistant', content: turn.text ?? null, ...(calls.length ? { tool_calls: calls } : {}) };
    const choice = { index: 0, message, finish_reason: calls.length ? 'tool_calls' : 'stop' };
    return { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model, choices: [choice], usage: USAGE };
  }

  /** Pieces as small as real servers send them: words, and tool arguments cut in the middle. */
  private stream(response: http.ServerResponse, model: string, turn: Turn): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const send = (delta: unknown, finish: string | null = null, usage?: unknown) => {
      const choices = usage ? [] : [{ index: 0, delta, finish_reason: finish }];
      const chunk = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model, choices, ...(usage ? { usage } : {}) };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    send({ role: 'assistant', content: '' });
    for (const word of turn.text?.match(/\S+\s*/g) ?? []) send({ content: word });
    const calls = this.toolCalls(turn);
    for (const [index, call] of calls.entries()) {
      send({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.function.name, arguments: '' } }] });
      const half = Math.ceil(call.function.arguments.length / 2);
      for (const piece of [call.function.arguments.slice(0, half), call.function.arguments.slice(half)]) {
        send({ tool_calls: [{ index, function: { arguments: piece } }] });
      }
    }
    send({}, calls.length ? 'tool_calls' : 'stop');
    send({}, null, USAGE);
    response.end('data: [DONE]\n\n');
  }
}

const USAGE = { prompt_tokens: 120, completion_tokens: 24, total_tokens: 144 };

/** Every tool result must answer a call of the assistant message before it, and every call must be answered. */
function orphan(messages: Message[]): string | undefined {
  let open = new Set<string>();
  for (const message of messages) {
    if (message.role === 'tool') {
      const id = message.tool_call_id ?? '';
      if (!open.delete(id)) return `messages with role 'tool' must answer a preceding tool call; '${id}' answers none`;
      continue;
    }
    if (open.size > 0) return `tool calls without an answer: ${[...open].join(', ')}`;
    open = new Set(message.role === 'assistant' ? (message.tool_calls ?? []).map((call) => call.id) : []);
  }
  return open.size > 0 ? `tool calls without an answer: ${[...open].join(', ')}` : undefined;
}

function textOf(message: Message): string {
  return typeof message.content === 'string' ? message.content : JSON.stringify(message.content ?? '');
}

function mentions(request: ModelRequest, about: string): boolean {
  return request.messages.some((message) => textOf(message).includes(about));
}

function json(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function read(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
