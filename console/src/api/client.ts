/** Talks to /api/v1: typed answers, problems as errors, the CSRF token and an idempotency key where they are due. */
import type { Command, Problem, Said, Session } from "./types";

export const API = "/api/v1";
const TIMEOUT_MS = 30_000;

/** The service said no, and why (RFC 9457); status 0: no answer came at all. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }

  get status(): number {
    return this.problem.status;
  }
}

let csrf = "";
const signedOut = new EventTarget();

/** Calls back whenever the service no longer knows who asks. */
export function onSignedOut(listener: () => void): void {
  signedOut.addEventListener("signed-out", listener);
}

export function keepCsrf(session: Session): Session {
  csrf = session.csrf;
  return session;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return request<T>("GET", path + queryString(query), undefined, {}, signal);
}

export async function post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  return request<T>("POST", path, body, headers);
}

export async function put<T>(path: string, body: unknown): Promise<T> {
  return request<T>("PUT", path, body);
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  return request<T>("PATCH", path, body);
}

export async function del<T>(path: string): Promise<T> {
  return request<T>("DELETE", path);
}

/** Asks for something to be done. The key makes a repeated press, or a repeat after a lost answer, count once. */
export async function command(what: Command, key: string = crypto.randomUUID()): Promise<Said> {
  return post<Said>("/commands", what, { "Idempotency-Key": key });
}

export function queryString(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}` : "";
}

async function request<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<T> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const form = body instanceof FormData;
  const init: RequestInit = {
    method,
    credentials: "same-origin",
    headers: {
      Accept: "application/json, application/problem+json",
      ...(body === undefined || form ? {} : { "Content-Type": "application/json" }),
      ...(method === "GET" ? {} : { "X-CSRF-Token": csrf }),
      ...headers,
    },
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    ...(body === undefined ? {} : { body: form ? body : JSON.stringify(body) }),
  };
  let answer: Response;
  try {
    answer = await fetch(API + path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({ type: "about:blank", title: "", status: 0, detail: String(error), reason: "no-answer" });
  }
  if (!answer.ok) {
    const problem = await readProblem(answer);
    if (answer.status === 401 && path !== "/session") signedOut.dispatchEvent(new Event("signed-out"));
    throw new ApiError(problem);
  }
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

async function readProblem(answer: Response): Promise<Problem> {
  const plain = { type: "about:blank", title: answer.statusText, status: answer.status, detail: "", reason: "" };
  if (!answer.headers.get("Content-Type")?.includes("json")) return plain;
  return { ...plain, ...((await answer.json()) as Partial<Problem>) };
}
