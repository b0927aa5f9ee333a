import type { ApiErrorCode, ErrorJson } from './api.ts';

const statusOf = {
  bad_request: 400,
  invalid_config: 400,
  unauthorized: 401,
  invalid_token: 401,
  forbidden_host: 403,
  forbidden_origin: 403,
  not_found: 404,
  unknown_cluster: 404,
  unknown_instance: 404,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  failed: 500,
  internal: 500,
  shutting_down: 503,
  too_many_subscribers: 503,
  timeout: 504,
} as const satisfies Record<ApiErrorCode, number>;

/** Thrown anywhere in a request, answered as `{error: {code, message}}` with the status of its code. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly details: Pick<ErrorJson['error'], 'diagnostics'>;

  constructor(code: ApiErrorCode, message: string, details: Pick<ErrorJson['error'], 'diagnostics'> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get status(): (typeof statusOf)[ApiErrorCode] {
    return statusOf[this.code];
  }

  toJSON(): ErrorJson {
    return { error: { code: this.code, message: this.message, ...this.details } };
  }
}
