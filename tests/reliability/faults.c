/* Stands between a process and its disk: makes the n-th call on files in one folder fail, fall short or kill.
 *
 * cc -shared -fPIC -O1 -o faults.so faults.c -ldl;  FAULTS_FOLDER=/some/folder LD_PRELOAD=./faults.so python ...
 * Nothing happens until faults_arm(n, kind) is called; faults_calls() says how many calls were counted since.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { NONE, ENOSPC_ONCE, EIO_ONCE, SHORT, KILL, TORN, FULL };
enum { MOST_FILES = 4096 };

static int armed_at = -1, counted = 0;
static enum kind armed_kind = NONE;
static char watched[MOST_FILES];
static int journal = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void faults_arm(int n, int kind) {
  counted = 0;
  armed_at = n;
  armed_kind = (enum kind)kind;
}

int faults_calls(void) { return counted; }

/* From now on every call is written to this file, one line each. */
void faults_journal(const char* path) { journal = REAL(open)(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); }

static void note(const char* format, ...) {
  char line[9000];
  va_list arguments;
  if (journal < 0) return;
  va_start(arguments, format);
  const int n = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (REAL(write)(journal, line, (size_t)n) != n) abort();
}

static int inside(const char* path) {
  const char* folder = getenv("FAULTS_FOLDER");
  return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_watched(int fd) { return fd >= 0 && fd < MOST_FILES && watched[fd]; }

static void die(void) { raise(SIGKILL); }

/* Counts the call; NONE where it may go through. */
static enum kind fault(int is_write) {
  if (armed_at < 0) return NONE;
  ++counted;
  if (armed_kind == FULL) return is_write && counted >= armed_at ? FULL : NONE;
  if (counted != armed_at) return NONE;
  if (armed_kind == KILL) die();
  return armed_kind;
}

/* What a call other than write does: -1 where it failed, 0 where it is to be done, 1 where to die when it is done. */
static int refused(enum kind kind) {
  if (kind == TORN) return 1;
  if (kind == NONE || kind == SHORT || kind == FULL) return 0;
  errno = kind == EIO_ONCE ? EIO : ENOSPC;
  return -1;
}

ssize_t write(int fd, const void* data, size_t n) {
  if (!is_watched(fd)) return REAL(write)(fd, data, n);
  const enum kind kind = fault(1);
  if (kind == ENOSPC_ONCE || kind == EIO_ONCE || kind == FULL) {
    if (kind == FULL && n > 1 && counted == armed_at) return REAL(write)(fd, data, n / 2);
    errno = kind == EIO_ONCE ? EIO : ENOSPC;
    return -1;
  }
  const ssize_t done = REAL(write)(fd, data, (kind == SHORT || kind == TORN) && n > 1 ? n / 2 : n);
  note("write %d %zd\n", fd, done);
  if (kind == TORN) die();
  return done;
}

int fsync(int fd) {
  if (!is_watched(fd)) return REAL(fsync)(fd);
  const int verdict = refused(fault(0));
  if (verdict < 0) return -1;
  const int result = REAL(fsync)(fd);
  note("fsync %d\n", fd);
  if (verdict > 0) die();
  return result;
}

int rename(const char* from, const char* to) {
  if (!inside(to)) return REAL(rename)(from, to);
  const int verdict = refused(fault(0));
  if (verdict < 0) return -1;
  const int result = REAL(rename)(from, to);
  note("rename %s\t%s\n", from, to);
  if (verdict > 0) die();
  return result;
}

int unlink(const char* path) {
  if (!inside(path)) return REAL(unlink)(path);
  const int verdict = refused(fault(0));
  if (verdict < 0) return -1;
  const int result = REAL(unlink)(path);
  note("unlink %s\n", path);
  if (verdict > 0) die();
  return result;
}

int flock(int fd, int operation) {
  if (!is_watched(fd)) return REAL(flock)(fd, operation);
  const int verdict = refused(fault(0));
  if (verdict < 0) return -1;
  const int result = REAL(flock)(fd, operation);
  if (verdict > 0) die();
  return result;
}

int close(int fd) {
  if (!is_watched(fd)) return REAL(close)(fd);
  const int verdict = refused(fault(0));
  watched[fd] = 0;
  const int result = REAL(close)(fd);
  note("close %d\n", fd);
  if (verdict > 0) die();
  return verdict < 0 ? -1 : result; /* as on Linux: closed, and yet an error */
}

static int opened(int fd, const char* path, int verdict) {
  if (fd >= 0 && fd < MOST_FILES) watched[fd] = 1;
  note("open %d %s\n", fd, path);
  if (verdict > 0) die();
  return fd;
}

#define OPEN(name)                                                  \
  int name(const char* path, int flags, ...) {                      \
    mode_t mode = 0;                                                \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {    \
      va_list arguments;                                            \
      va_start(arguments, flags);                                   \
      mode = (mode_t)va_arg(arguments, int);                        \
      va_end(arguments);                                            \
    }                                                               \
    if (!inside(path)) return REAL(name)(path, flags, mode);        \
    const int verdict = refused(fault(0));                          \
    if (verdict < 0) return -1;                                     \
    return opened(REAL(name)(path, flags, mode), path, verdict);    \
  }

OPEN(open)
OPEN(open64)
