import { messageOf } from '../base/errors.ts';

/** An error as OpenTelemetry has it (semantic conventions, "Exceptions in logs"). */
export interface ExceptionFields {
  readonly 'exception.type': string;
  readonly 'exception.message': string;
  readonly 'exception.stacktrace': string;
}

/** Anything that was thrown. The causes of an error follow it in the stack trace, as Node.js prints them. */
export function exceptionFields(thrown: unknown): ExceptionFields {
  return {
    'exception.type': thrown instanceof Error ? thrown.name : typeof thrown,
    'exception.message': messageOf(thrown),
    'exception.stacktrace': traces(thrown, mostCauses).join('\ncaused by: '),
  };
}

/** A chain of causes may lead back to its beginning. */
const mostCauses = 5;

function traces(thrown: unknown, left: number): readonly string[] {
  if (!(thrown instanceof Error) || left === 0) return [];
  const own = thrown.stack ?? `${thrown.name}: ${thrown.message}`;
  return [own, ...traces(thrown.cause, left - 1)];
}
