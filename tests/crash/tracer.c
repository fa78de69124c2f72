/*
 * Runs a program and kills it, with everything it started, at the N-th system call that changes
 * something outside of its memory: a file, a folder, a lock, what goes to a server.
 *
 *     tracer REPORT N entry|exit PROGRAM [ARGUMENT]...
 *
 * REPORT becomes a line for each such call, with what it was about, and at the end `killed` or `ended`.
 * N = 0 kills nobody. It exits as the program does, with 137 if it was killed, and with 120 if the
 * tracing itself failed.
 *
 * A seccomp filter stops the program at those calls only, so that all others run at full speed.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the first argument that says what a call is about is. */
enum subject { FD, PATH, PATH_AT, TWO_PATHS_AT, LINK_AT, NEW_FILE };

struct call {
    long number;
    const char *name;
    enum subject subject;
};

#define CALL(name, subject) { SYS_##name, #name, subject }

static const struct call CALLS[] = {
    CALL(write, FD), CALL(pwrite64, FD), CALL(writev, FD), CALL(pwritev, FD), CALL(ftruncate, FD),
    CALL(fallocate, FD), CALL(copy_file_range, NEW_FILE), CALL(ioctl, NEW_FILE), CALL(sendfile, FD),
    CALL(fsync, FD), CALL(fdatasync, FD), CALL(syncfs, FD), CALL(flock, FD),
    CALL(fchmod, FD), CALL(fchown, FD), CALL(fchmodat, PATH_AT), CALL(utimensat, PATH_AT),
    CALL(openat, PATH_AT), CALL(openat2, PATH_AT), CALL(mkdirat, PATH_AT), CALL(unlinkat, PATH_AT),
    CALL(symlinkat, LINK_AT), CALL(linkat, TWO_PATHS_AT), CALL(renameat, TWO_PATHS_AT), CALL(renameat2, TWO_PATHS_AT),
    CALL(connect, FD), CALL(sendto, FD), CALL(sendmsg, FD), CALL(shutdown, FD),
#ifdef SYS_rename
    CALL(open, PATH), CALL(mkdir, PATH), CALL(rmdir, PATH), CALL(unlink, PATH), CALL(rename, PATH),
    CALL(link, PATH), CALL(symlink, PATH), CALL(chmod, PATH),
#endif
};
enum { CALL_COUNT = sizeof CALLS / sizeof CALLS[0] };

static void fail(const char *what)
{
    fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
    exit(120);
}

/* In the child: asks the kernel to stop it at the calls of the table, and at no others. */
static void install_filter(void)
{
    struct sock_filter filter[CALL_COUNT + 3];
    filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALL_COUNT; i++)
        filter[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[i].number, CALL_COUNT - i, 0);
    filter[1 + CALL_COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[2 + CALL_COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = { CALL_COUNT + 3, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        fail("seccomp");
}

/* Starts the program in a process group of its own, stopped at every call of the table. */
static pid_t start(char **command)
{
    int gate[2];
    if (pipe2(gate, O_CLOEXEC))
        fail("pipe");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        char go;
        setpgid(0, 0);
        if (read(gate[0], &go, 1) != 1)
            _exit(120);
        install_filter();
        execvp(command[0], command);
        fail(command[0]);
    }
    setpgid(child, child);
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE
        | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, child, 0, options))
        fail("ptrace");
    if (write(gate[1], "", 1) != 1)
        fail("pipe");
    close(gate[0]);
    close(gate[1]);
    return child;
}

static const struct call *call_of(const struct ptrace_syscall_info *info)
{
    for (int i = 0; i < CALL_COUNT; i++)
        if ((unsigned long)CALLS[i].number == info->seccomp.nr)
            return &CALLS[i];
    return NULL;
}

static void read_memory(pid_t who, unsigned long address, void *into, size_t size)
{
    struct iovec here = { into, size }, there = { (void *)address, size };
    if (process_vm_readv(who, &here, 1, &there, 1, 0) <= 0)
        memset(into, 0, size);
}

/* A text may end right before memory that cannot be read. */
static void read_text(pid_t who, unsigned long address, char *into, size_t size)
{
    size_t length = 0;
    while (length + 1 < size) {
        read_memory(who, address + length, into + length, 1);
        if (into[length] == '\0')
            return;
        length++;
    }
    into[length] = '\0';
}

static void read_descriptor(pid_t who, unsigned long descriptor, char *into, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", who, (int)descriptor);
    ssize_t length = readlink(link, into, size - 1);
    into[length < 0 ? 0 : length] = '\0';
}

/* Whether an open may create something. */
static int creates(pid_t who, const struct call *call, const __u64 *args)
{
    struct open_how how = { 0 };
    if (call->number == SYS_openat2)
        read_memory(who, args[2], &how, sizeof how);
#ifdef SYS_open
    else if (call->number == SYS_open)
        how.flags = args[1];
#endif
    else
        how.flags = args[2];
    return (how.flags & (O_CREAT | O_TRUNC)) != 0;
}

/* Whether a call counts, and what it is about. Threads that wake each other, and what is said on
 * standard error, change nothing. */
static int counts(pid_t who, const struct call *call, const __u64 *args, char *subject, size_t size)
{
    const unsigned long FICLONE_REQUEST = 0x40049409;
    switch (call->subject) {
    case PATH:
        read_text(who, args[0], subject, size);
        break;
    case TWO_PATHS_AT:
        read_text(who, args[1], subject, size / 2);
        strcat(subject, " > ");
        read_text(who, args[3], subject + strlen(subject), size / 2 - 3);
        break;
    case LINK_AT:
        read_text(who, args[2], subject, size);
        break;
    case PATH_AT:
        /* utimensat and others with a descriptor and no path. */
        if (args[1] == 0)
            read_descriptor(who, args[0], subject, size);
        else
            read_text(who, args[1], subject, size);
        break;
    case NEW_FILE:
        if (call->number == SYS_ioctl && args[1] != FICLONE_REQUEST)
            return 0;
        read_descriptor(who, call->number == SYS_ioctl ? args[0] : args[2], subject, size);
        break;
    case FD:
        read_descriptor(who, args[0], subject, size);
        break;
    }
    if (!strncmp(call->name, "open", 4) && !creates(who, call, args))
        return 0;
    if (!strncmp(subject, "/dev/", 5) || !strncmp(subject, "/proc/", 6) || !strncmp(subject, "/sys/", 5))
        return 0;
    return call->subject != FD || subject[0] == '/' || !strncmp(subject, "socket:", 7);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: tracer REPORT N entry|exit PROGRAM [ARGUMENT]...\n");
        return 120;
    }
    unsigned long at = strtoul(argv[2], NULL, 10), seen = 0;
    int at_exit = !strcmp(argv[3], "exit");
    pid_t leader = start(argv + 4), dying = 0;
    FILE *report = fopen(argv[1], "w");
    if (!report)
        fail(argv[1]);
    int status, result = 120, killed = 0;

    for (pid_t who; (who = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (who == leader)
                result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16, deliver = 0, next = PTRACE_CONT;
        if (event == PTRACE_EVENT_SECCOMP && !killed) {
            struct ptrace_syscall_info info;
            char subject[2 * PATH_MAX] = "";
            const struct call *call = NULL;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, who, sizeof info, &info) > 0)
                call = call_of(&info);
            if (call && counts(who, call, info.seccomp.args, subject, sizeof subject)) {
                fprintf(report, "%s %s\n", call->name, subject);
                if (++seen == at) {
                    killed = !at_exit;
                    dying = who;
                    next = PTRACE_SYSCALL;
                }
            }
        } else if (signal == (SIGTRAP | 0x80)) {
            /* The call is done; its answer never arrives. */
            killed = who == dying;
        } else if (event == 0) {
            deliver = signal;
        }
        if (killed)
            kill(-leader, SIGKILL);
        else
            ptrace(next, who, 0, deliver);
    }

    fprintf(report, "%s\n", killed ? "killed" : "ended");
    if (fclose(report))
        fail(argv[1]);
    return killed ? 137 : result;
}
