import type { IncomingMessage } from 'node:http';
import { messageOf } from '../base/errors.ts';
import { ApiError } from './api-error.ts';

const maxBodyBytes = 64 * 1024;

/** The body as an object that has exactly the text fields `wanted`; no body at all is `{}`. Throws an `ApiError`. */
export async function readBody(
  incoming: IncomingMessage,
  wanted: readonly string[],
): Promise<Record<string, string>> {
  const form = `{${wanted.map((name) => `"${name}": "<instance>"`).join(', ')}}`;
  const refuse = (why: string) => new ApiError('bad_request', `${why}; the body has to be ${form}`);
  const text = await boundedText(incoming);
  let body: unknown;
  try {
    body = text.trim() === '' ? {} : JSON.parse(text);
  } catch (thrown) {
    throw refuse(`the body is not JSON (${messageOf(thrown)})`);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw refuse('the body is no object');
  for (const key of Object.keys(body)) if (!wanted.includes(key)) throw refuse(`unknown field "${key}"`);
  for (const name of wanted) {
    const value = (body as Record<string, unknown>)[name];
    if (typeof value !== 'string' || value === '') throw refuse(`"${name}" is missing or not a text`);
  }
  return body as Record<string, string>;
}

/**
 * Not hono's `bodyLimit`, which hands a chunked body on in a `Request` that only works where the adapter has replaced
 * the global one. The rest of a body that is too large is left to the adapter, which answers first and then cuts it.
 */
async function boundedText(incoming: IncomingMessage): Promise<string> {
  const tooLarge = new ApiError('too_large', `a body may have ${maxBodyBytes} bytes at most`);
  if (Number(incoming.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > maxBodyBytes) break;
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw new ApiError('bad_request', `the body broke off: ${messageOf(thrown)}`);
  }
  if (size > maxBodyBytes) throw tooLarge;
  return Buffer.concat(chunks).toString('utf8');
}
