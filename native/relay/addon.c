/*
 * The relay as JavaScript sees it; src/proxy/relay/native-addon.ts has the types. Everything here runs on JavaScript's
 * thread but `wake`, and no JavaScript runs in between: a session that a call names cannot go away during it.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"

/* Of this interface; src/proxy/relay/native-addon.ts asks for the same. */
#define INTERFACE_VERSION 3

struct binding {
  napi_env env;
  struct relay *relay;
  napi_threadsafe_function woken;
  napi_ref on_over;
  /* Sessions that JavaScript has not let go of; only these keep the process alive. */
  uint32_t sessions;
};

/* ---- From the workers ---- */

static void wake(void *context) {
  struct binding *binding = context;
  napi_call_threadsafe_function(binding->woken, NULL, napi_tsfn_nonblocking);
}

static void count_session(struct binding *binding, int change) {
  binding->sessions += (uint32_t)change;
  if (change > 0 && binding->sessions == 1) napi_ref_threadsafe_function(binding->env, binding->woken);
  if (change < 0 && binding->sessions == 0) napi_unref_threadsafe_function(binding->env, binding->woken);
}

/* An exception of the listener is an uncaught one, as if an event had thrown it; the next session is still told. */
static void tell(struct binding *binding, const struct over *over) {
  napi_env env = binding->env;
  napi_value listener, nothing, arguments[7];
  if (napi_get_reference_value(env, binding->on_over, &listener) != napi_ok) return;
  napi_get_undefined(env, &nothing);
  napi_create_uint32(env, over->slot, &arguments[0]);
  napi_create_uint32(env, (uint32_t)over->reason, &arguments[1]);
  napi_create_double(env, (double)over->sent, &arguments[2]);
  napi_create_double(env, (double)over->received, &arguments[3]);
  napi_create_int32(env, over->fds[CLIENT], &arguments[4]);
  napi_create_int32(env, over->fds[SERVER], &arguments[5]);
  napi_get_null(env, &arguments[6]);
  if (over->held_back != NULL) {
    const struct chunk *command = over->held_back;
    napi_create_buffer_copy(env, command->end - command->begin, command->bytes + command->begin, NULL, &arguments[6]);
    chunk_release(over->held_back);
  }
  if (napi_call_function(env, nothing, listener, 7, arguments, NULL) != napi_pending_exception) return;
  napi_value exception;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
}

static void on_woken(napi_env env, napi_value callback, void *context, void *data) {
  (void)callback;
  (void)data;
  /* The environment is being torn down. */
  if (env == NULL) return;
  struct binding *binding = context;
  struct over over;
  while (relay_next_over(binding->relay, &over)) {
    count_session(binding, -1);
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) continue;
    tell(binding, &over);
    napi_close_handle_scope(env, scope);
  }
}

/* Runs before the environment takes `woken` away, because it was registered after that was made. */
static void on_exit_of_environment(void *context) {
  struct binding *binding = context;
  relay_close(binding->relay);
  binding->relay = NULL;
}

/* ---- From JavaScript ---- */

static napi_value fail(napi_env env, const char *what) {
  napi_throw_error(env, NULL, what);
  return NULL;
}

/* The arguments of a call on a relay, of which the first is the relay. NULL, with an exception, where they are not. */
static struct binding *read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  size_t given = count;
  void *binding = NULL;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < count ||
      napi_get_value_external(env, arguments[0], &binding) != napi_ok || binding == NULL ||
      ((struct binding *)binding)->relay == NULL) {
    fail(env, "relay: wrong arguments");
    return NULL;
  }
  return binding;
}

static bool read_int64(napi_env env, napi_value object, const char *name, int64_t *number) {
  napi_value value;
  return napi_get_named_property(env, object, name, &value) == napi_ok &&
         napi_get_value_int64(env, value, number) == napi_ok;
}

/* open({ threads, afterEndMs, afterErrorMs, userTimeoutMs }, onOver): a relay, which lives as long as the environment. */
static napi_value open_relay(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], name, result;
  int64_t threads, after_end, after_error, user_timeout;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count < 2 ||
      !read_int64(env, arguments[0], "threads", &threads) || threads < 1 || threads > MAX_WORKERS ||
      !read_int64(env, arguments[0], "afterEndMs", &after_end) ||
      !read_int64(env, arguments[0], "afterErrorMs", &after_error) ||
      !read_int64(env, arguments[0], "userTimeoutMs", &user_timeout) || user_timeout < 0 || user_timeout > INT32_MAX) {
    return fail(env, "relay: wrong options");
  }
  struct binding *binding = calloc(1, sizeof(struct binding));
  if (binding == NULL) return fail(env, "relay: out of memory");
  binding->env = env;
  binding->relay = relay_open(&(struct relay_options){
      .workers = (int)threads,
      .patience = {.after_end = after_end, .after_error = after_error},
      .user_timeout = (unsigned)user_timeout,
      .on_over = wake,
      .context = binding,
  });
  if (binding->relay == NULL ||
      napi_create_string_utf8(env, "aurelay-relay", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, binding, on_woken,
                                      &binding->woken) != napi_ok ||
      napi_unref_threadsafe_function(env, binding->woken) != napi_ok ||
      napi_create_reference(env, arguments[1], 1, &binding->on_over) != napi_ok ||
      napi_add_env_cleanup_hook(env, on_exit_of_environment, binding) != napi_ok ||
      napi_create_external(env, binding, NULL, NULL, &result) != napi_ok) {
    return fail(env, "relay: it could not be made");
  }
  return result;
}

static bool read_bytes(napi_env env, napi_value value, struct bytes *bytes) {
  napi_valuetype type;
  *bytes = (struct bytes){NULL, 0};
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (type == napi_null) return true;
  napi_typedarray_type kind;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &kind, &bytes->length, &data, NULL, NULL) != napi_ok) return false;
  bytes->data = data;
  return kind == napi_uint8_array;
}

/* start(relay, clientFd, serverFd, toServer, toClient, watch): the session's number, or a negative errno. */
static napi_value start(napi_env env, napi_callback_info info) {
  napi_value arguments[6], result;
  struct binding *binding = read_arguments(env, info, 6, arguments);
  if (binding == NULL) return NULL;
  int32_t client_fd, server_fd, watch;
  struct bytes to_server, to_client;
  if (napi_get_value_int32(env, arguments[1], &client_fd) != napi_ok ||
      napi_get_value_int32(env, arguments[2], &server_fd) != napi_ok ||
      !read_bytes(env, arguments[3], &to_server) || !read_bytes(env, arguments[4], &to_client) ||
      napi_get_value_int32(env, arguments[5], &watch) != napi_ok || watch < WATCH_NOTHING || watch > WATCH_COMMANDS) {
    return fail(env, "relay: wrong arguments");
  }
  int64_t slot = relay_start(binding->relay, client_fd, server_fd, to_server, to_client, watch);
  if (slot >= 0) count_session(binding, 1);
  napi_create_int64(env, slot, &result);
  return result;
}

/* Writes [sent, received] into a Float64Array. */
static bool write_counts(napi_env env, napi_value array, const struct over *over) {
  napi_typedarray_type kind;
  size_t length;
  void *data = NULL;
  if (napi_get_typedarray_info(env, array, &kind, &length, &data, NULL, NULL) != napi_ok) return false;
  if (kind != napi_float64_array || length < 2) return false;
  const double counts[2] = {(double)over->sent, (double)over->received};
  memcpy(data, counts, sizeof counts);
  return true;
}

/* bytes(relay, slot, counts): fills in what was carried so far. */
static napi_value bytes(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct binding *binding = read_arguments(env, info, 3, arguments);
  if (binding == NULL) return NULL;
  uint32_t slot;
  struct over over = {0};
  if (napi_get_value_uint32(env, arguments[1], &slot) != napi_ok || !relay_bytes(binding->relay, slot, &over) ||
      !write_counts(env, arguments[2], &over)) {
    return fail(env, "relay: there is no such session");
  }
  return NULL;
}

/* abort(relay, slot, counts): ends a session, and fills in what was carried in all. */
static napi_value abort_session(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct binding *binding = read_arguments(env, info, 3, arguments);
  if (binding == NULL) return NULL;
  uint32_t slot;
  struct over over = {0};
  if (napi_get_value_uint32(env, arguments[1], &slot) != napi_ok || !relay_abort(binding->relay, slot, &over)) {
    return fail(env, "relay: there is no such session");
  }
  count_session(binding, -1);
  if (!write_counts(env, arguments[2], &over)) return fail(env, "relay: wrong arguments");
  return NULL;
}

static bool define(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

NAPI_MODULE_INIT() {
  napi_value version;
  if (!define(env, exports, "open", open_relay) || !define(env, exports, "start", start) ||
      !define(env, exports, "bytes", bytes) || !define(env, exports, "abort", abort_session) ||
      napi_create_uint32(env, INTERFACE_VERSION, &version) != napi_ok ||
      napi_set_named_property(env, exports, "interfaceVersion", version) != napi_ok) {
    return fail(env, "relay: it could not be loaded");
  }
  return exports;
}
