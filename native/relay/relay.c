#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker.h"

struct relay {
  struct relay_options options;
  struct worker *workers[MAX_WORKERS];
  int started;

  /* By number; NULL where nobody has it. */
  struct session **slots;
  uint32_t slot_count;
  /* Numbers that are free, the last one first. */
  uint32_t *free_slots;
  uint32_t free_count;

  pthread_mutex_t over_lock;
  /* Under over_lock: sessions that ended by themselves, of which JavaScript has not heard. */
  struct session *over;
};

static const uint32_t first_slots = 64;

/* ---- Numbers ---- */

static bool grow(struct relay *relay) {
  uint32_t count = relay->slot_count == 0 ? first_slots : relay->slot_count * 2;
  struct session **slots = realloc(relay->slots, count * sizeof *slots);
  if (slots == NULL) return false;
  relay->slots = slots;
  uint32_t *free_slots = realloc(relay->free_slots, count * sizeof *free_slots);
  if (free_slots == NULL) return false;
  relay->free_slots = free_slots;
  for (uint32_t slot = count; slot > relay->slot_count; slot--) {
    relay->slots[slot - 1] = NULL;
    relay->free_slots[relay->free_count++] = slot - 1;
  }
  relay->slot_count = count;
  return true;
}

static struct session *find(const struct relay *relay, uint32_t slot) {
  return slot < relay->slot_count ? relay->slots[slot] : NULL;
}

static void let_go(struct relay *relay, struct session *session) {
  relay->slots[session->slot] = NULL;
  relay->free_slots[relay->free_count++] = session->slot;
  session->let_go = true;
}

/* ---- Workers ---- */

/* On a worker's thread. */
static void on_over(void *context, struct session *session) {
  struct relay *relay = context;
  pthread_mutex_lock(&relay->over_lock);
  bool is_first = relay->over == NULL;
  session->next = relay->over;
  relay->over = session;
  pthread_mutex_unlock(&relay->over_lock);
  if (is_first) relay->options.on_over(relay->options.context);
}

static struct worker *start_worker(struct relay *relay) {
  char name[16];
  snprintf(name, sizeof name, "relay-%d", relay->started);
  struct worker *worker = worker_start(&(struct worker_options){
      .name = name, .patience = relay->options.patience, .on_over = on_over, .context = relay});
  if (worker != NULL) relay->workers[relay->started++] = worker;
  return worker;
}

/* The one with the fewest sessions, or a new one while all have some. NULL, with errno, where there is none. */
static struct worker *choose_worker(struct relay *relay) {
  struct worker *best = NULL;
  for (int at = 0; at < relay->started; at++) {
    if (best == NULL || worker_load(relay->workers[at]) < worker_load(best)) best = relay->workers[at];
  }
  bool may_start = relay->started < relay->options.workers;
  if (may_start && (best == NULL || worker_load(best) > 0)) {
    struct worker *fresh = start_worker(relay);
    if (fresh != NULL) return fresh;
  }
  return best;
}

/* ---- Sessions ---- */

struct relay *relay_open(const struct relay_options *options) {
  struct relay *relay = calloc(1, sizeof(struct relay));
  if (relay == NULL || pthread_mutex_init(&relay->over_lock, NULL) != 0) {
    free(relay);
    return NULL;
  }
  relay->options = *options;
  return relay;
}

/* Two descriptors of our own, or a negative errno and none. */
static int duplicate(int client_fd, int server_fd, int own[2]) {
  own[CLIENT] = fcntl(client_fd, F_DUPFD_CLOEXEC, 3);
  if (own[CLIENT] < 0) return -errno;
  own[SERVER] = fcntl(server_fd, F_DUPFD_CLOEXEC, 3);
  if (own[SERVER] >= 0) return 0;
  int why = errno;
  close(own[CLIENT]);
  return -why;
}

int64_t relay_start(struct relay *relay, int client_fd, int server_fd, struct bytes to_server,
                    struct bytes to_client, int watch) {
  if (relay->free_count == 0 && !grow(relay)) return -ENOMEM;
  struct worker *worker = choose_worker(relay);
  if (worker == NULL) return -(errno != 0 ? errno : ENOMEM);
  int own[2] = {-1, -1};
  int failure = duplicate(client_fd, server_fd, own);
  if (failure != 0) return failure;
  struct session *session = session_new(own[CLIENT], own[SERVER], relay->options.user_timeout);
  if (session == NULL) return -ENOMEM;
  if (!session_preload(session, CLIENT, to_server.data, to_server.length) ||
      !session_preload(session, SERVER, to_client.data, to_client.length)) {
    close(own[CLIENT]);
    close(own[SERVER]);
    session_free(session);
    return -ENOMEM;
  }
  session->watch.state = watch;
  uint32_t slot = relay->free_slots[--relay->free_count];
  session->slot = slot;
  relay->slots[slot] = session;
  if (worker_adopt(worker, session)) return slot;
  int why = errno;
  /* It is buried, and lives until the worker's next round. */
  relay->slots[slot] = NULL;
  relay->free_slots[relay->free_count++] = slot;
  return -why;
}

static void read_counts(struct session *session, struct over *over) {
  over->slot = session->slot;
  over->sent = atomic_load_explicit(&session->ways[CLIENT].bytes, memory_order_relaxed);
  over->received = atomic_load_explicit(&session->ways[SERVER].bytes, memory_order_relaxed);
}

bool relay_bytes(const struct relay *relay, uint32_t slot, struct over *over) {
  struct session *session = find(relay, slot);
  if (session == NULL) return false;
  read_counts(session, over);
  return true;
}

bool relay_abort(struct relay *relay, uint32_t slot, struct over *over) {
  struct session *session = find(relay, slot);
  if (session == NULL) return false;
  bool was_open = worker_abort(session->worker, session);
  /* After the abort nobody counts any more: these are final. */
  read_counts(session, over);
  over->reason = was_open ? REASON_NONE : session->reason;
  let_go(relay, session);
  /* One that had ended by itself is still in the list of those, or about to be: it is buried from there. */
  if (was_open) worker_bury(session->worker, session);
  return true;
}

bool relay_next_over(struct relay *relay, struct over *over) {
  for (;;) {
    pthread_mutex_lock(&relay->over_lock);
    struct session *session = relay->over;
    if (session != NULL) relay->over = session->next;
    pthread_mutex_unlock(&relay->over_lock);
    if (session == NULL) return false;
    bool is_news = !session->let_go;
    if (is_news) {
      read_counts(session, over);
      over->reason = session->reason;
      over->held_back = session->held_back;
      session->held_back = NULL;
      for (int side = 0; side < 2; side++) {
        over->fds[side] = session->ends[side].fd;
        session->ends[side].fd = -1;
      }
      let_go(relay, session);
    }
    worker_bury(session->worker, session);
    if (is_news) return true;
  }
}

void relay_close(struct relay *relay) {
  for (uint32_t slot = 0; slot < relay->slot_count; slot++) {
    struct session *session = relay->slots[slot];
    if (session != NULL && worker_abort(session->worker, session)) {
      let_go(relay, session);
      worker_bury(session->worker, session);
    }
  }
  for (int at = 0; at < relay->started; at++) worker_stop(relay->workers[at]);
  /* Only now: until its thread had stopped, a worker could still report one. */
  struct over over;
  while (relay_next_over(relay, &over)) {
    if (over.held_back == NULL) continue;
    close(over.fds[CLIENT]);
    close(over.fds[SERVER]);
    chunk_release(over.held_back);
  }
  for (int at = 0; at < relay->started; at++) worker_free(relay->workers[at]);
  pthread_mutex_destroy(&relay->over_lock);
  free(relay->slots);
  free(relay->free_slots);
  free(relay);
}
