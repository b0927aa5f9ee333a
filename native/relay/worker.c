#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 128
/* How often deadlines are looked at, where there are any. */
#define TICK_MS 100

struct list {
  struct session *first;
};

struct worker {
  struct worker_options options;
  pthread_t thread;
  int epoll_fd;
  /* Readable: the thread is to end. */
  int stop_fd;
  /* Of JavaScript's thread alone: sessions that are not buried. */
  int load;

  pthread_mutex_t grave_lock;
  /* Under grave_lock: closed sessions that the thread frees after its current round. */
  struct session *graves;

  /* Of the thread alone: */
  struct list again;
  struct list leaving;
  int64_t now;
  unsigned char scratch[CHUNK_BYTES];
};

/* ---- Lists that a session can leave at any time ---- */

#define DEFINE_LIST(field)                                                        \
  static void field##_add(struct list *list, struct session *session) {           \
    if (session->field.linked) return;                                            \
    session->field = (struct links){.after = list->first, .linked = true};        \
    if (list->first != NULL) list->first->field.before = session;                 \
    list->first = session;                                                        \
  }                                                                               \
  static void field##_remove(struct list *list, struct session *session) {        \
    if (!session->field.linked) return;                                           \
    struct links links = session->field;                                          \
    if (links.before != NULL) links.before->field.after = links.after;            \
    else list->first = links.after;                                               \
    if (links.after != NULL) links.after->field.before = links.before;            \
    session->field = (struct links){0};                                           \
  }

DEFINE_LIST(again)
DEFINE_LIST(leaving)

/* ---- The thread ---- */

/* Which side of which session an event is for: a session's address is even. NULL is the stop descriptor. */
static void *tag(struct session *session, enum side side) { return (void *)((uintptr_t)session | (uintptr_t)side); }
static struct session *tagged_session(void *pointer) { return (struct session *)((uintptr_t)pointer & ~(uintptr_t)1); }
static enum side tagged_side(void *pointer) { return (enum side)((uintptr_t)pointer & 1); }

static int64_t coarse_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Does what the outcome asks for, and unlocks. */
static void act(struct worker *worker, struct session *session, enum outcome outcome) {
  if (outcome == HAS_MORE) again_add(&worker->again, session);
  if (outcome == WAITS && session->deadline != 0) leaving_add(&worker->leaving, session);
  if (outcome == OVER || outcome == HAS_HELD_BACK) {
    if (outcome == OVER) session_close(session, worker->epoll_fd, false);
    else session_part(session, worker->epoll_fd);
    again_remove(&worker->again, session);
    leaving_remove(&worker->leaving, session);
  }
  pthread_mutex_unlock(&session->lock);
  if (outcome == OVER || outcome == HAS_HELD_BACK) worker->options.on_over(worker->options.context, session);
}

static void on_event(struct worker *worker, const struct epoll_event *event) {
  struct session *session = tagged_session(event->data.ptr);
  pthread_mutex_lock(&session->lock);
  if (session->closed) {
    pthread_mutex_unlock(&session->lock);
    return;
  }
  act(worker, session,
      session_on_event(session, tagged_side(event->data.ptr), event->events, worker->scratch,
                       &worker->options.patience, worker->now));
}

/* One turn for each that had more to do before this round. */
static void go_on(struct worker *worker) {
  struct session *next = worker->again.first;
  worker->again.first = NULL;
  while (next != NULL) {
    struct session *session = next;
    next = session->again.after;
    if (next != NULL) next->again.before = NULL;
    session->again = (struct links){0};
    pthread_mutex_lock(&session->lock);
    if (session->closed) {
      pthread_mutex_unlock(&session->lock);
      continue;
    }
    act(worker, session, session_go_on(session, worker->scratch, &worker->options.patience, worker->now));
  }
}

static void check_deadlines(struct worker *worker) {
  struct session *next = worker->leaving.first;
  while (next != NULL) {
    struct session *session = next;
    next = session->leaving.after;
    pthread_mutex_lock(&session->lock);
    if (session->closed) {
      leaving_remove(&worker->leaving, session);
      pthread_mutex_unlock(&session->lock);
    } else if (worker->now < session->deadline) {
      pthread_mutex_unlock(&session->lock);
    } else {
      act(worker, session, session_on_deadline(session, worker->now));
    }
  }
}

static void free_graves(struct worker *worker) {
  pthread_mutex_lock(&worker->grave_lock);
  struct session *next = worker->graves;
  worker->graves = NULL;
  pthread_mutex_unlock(&worker->grave_lock);
  while (next != NULL) {
    struct session *session = next;
    next = session->next;
    again_remove(&worker->again, session);
    leaving_remove(&worker->leaving, session);
    session_free(session);
  }
}

static void *run(void *argument) {
  struct worker *worker = argument;
  struct epoll_event events[MAX_EVENTS];
  int64_t looked_at = 0;
  for (;;) {
    int timeout = worker->again.first != NULL ? 0 : worker->leaving.first != NULL ? TICK_MS : -1;
    /* Who is in the middle of a bulk gets to say more, and we carry more at a time: fewer wake-ups, larger pieces. */
    if (timeout == 0) sched_yield();
    int count = epoll_wait(worker->epoll_fd, events, MAX_EVENTS, timeout);
    worker->now = coarse_now();
    for (int at = 0; at < count; at++) {
      if (events[at].data.ptr == NULL) return NULL;
      on_event(worker, &events[at]);
    }
    if (worker->again.first != NULL) go_on(worker);
    if (worker->leaving.first != NULL && worker->now - looked_at >= TICK_MS) {
      looked_at = worker->now;
      check_deadlines(worker);
    }
    free_graves(worker);
  }
}

static bool start_thread(struct worker *worker) {
  sigset_t all;
  sigset_t before;
  /* Signals are JavaScript's. A new thread inherits the mask. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = pthread_create(&worker->thread, NULL, run, worker);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failure == 0) pthread_setname_np(worker->thread, worker->options.name);
  errno = failure;
  return failure == 0;
}

struct worker *worker_start(const struct worker_options *options) {
  struct worker *worker = calloc(1, sizeof(struct worker));
  if (worker == NULL) return NULL;
  worker->options = *options;
  worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  worker->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event stop = {.events = EPOLLIN, .data.ptr = NULL};
  if (worker->epoll_fd >= 0 && worker->stop_fd >= 0 && pthread_mutex_init(&worker->grave_lock, NULL) == 0) {
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->stop_fd, &stop) == 0 && start_thread(worker)) {
      return worker;
    }
    pthread_mutex_destroy(&worker->grave_lock);
  }
  int why = errno;
  if (worker->epoll_fd >= 0) close(worker->epoll_fd);
  if (worker->stop_fd >= 0) close(worker->stop_fd);
  free(worker);
  errno = why;
  return NULL;
}

/* ---- For JavaScript's thread ---- */

bool worker_adopt(struct worker *worker, struct session *session) {
  session->worker = worker;
  worker->load += 1;
  /* The thread may see the first event before the second socket is known: it waits for the lock then. */
  pthread_mutex_lock(&session->lock);
  int why = 0;
  for (int side = 0; side < 2 && why == 0; side++) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = tag(session, (enum side)side)};
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, session->ends[side].fd, &event) != 0) why = errno;
  }
  if (why != 0) session_close(session, worker->epoll_fd, false);
  pthread_mutex_unlock(&session->lock);
  if (why != 0) worker_bury(worker, session);
  errno = why;
  return why == 0;
}

bool worker_abort(struct worker *worker, struct session *session) {
  pthread_mutex_lock(&session->lock);
  bool was_open = !session->closed;
  if (was_open) session_close(session, worker->epoll_fd, true);
  else session_discard(session);
  pthread_mutex_unlock(&session->lock);
  return was_open;
}

void worker_bury(struct worker *worker, struct session *session) {
  worker->load -= 1;
  pthread_mutex_lock(&worker->grave_lock);
  session->next = worker->graves;
  worker->graves = session;
  pthread_mutex_unlock(&worker->grave_lock);
}

int worker_load(const struct worker *worker) { return worker->load; }

void worker_stop(struct worker *worker) {
  const uint64_t one = 1;
  while (write(worker->stop_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
  pthread_join(worker->thread, NULL);
}

void worker_free(struct worker *worker) {
  free_graves(worker);
  close(worker->epoll_fd);
  close(worker->stop_fd);
  pthread_mutex_destroy(&worker->grave_lock);
  free(worker);
}
