/* librtmp_publish URL FILE.flv: sends an FLV file in real time, over and over, through librtmp, the library that OBS
 * and many other publishers carry in some form. Everything the server says is printed; the exit status tells what
 * became of it: 0 asked to end, 2 not let in, 3 let in and ended by the server later. */
#include <librtmp/log.h>
#include <librtmp/rtmp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FLV_HEADER = 9, TAG_HEADER = 11, TAG_TRAILER = 4, LARGEST_TAG = 1 << 24, LONGEST_PAUSE = 5000 };
enum { ASKED_TO_END = 0, USAGE = 1, NOT_LET_IN = 2, ENDED_BY_SERVER = 3 };

static volatile sig_atomic_t asked_to_end;

static void on_signal(int signal_number)
{
    (void)signal_number;
    asked_to_end = 1;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until `due`, reading what the server sends meanwhile. False when the server has gone. */
static int listen_until(RTMP *rtmp, int64_t due)
{
    for (;;) {
        int64_t left = due - now_ms();
        struct pollfd socket = {.fd = RTMP_Socket(rtmp), .events = POLLIN};
        if (poll(&socket, 1, left > 0 ? (int)left : 0) > 0) {
            RTMPPacket packet = {0};
            if (!RTMP_ReadPacket(rtmp, &packet))
                return 0;
            if (RTMPPacket_IsReady(&packet) && packet.m_nBodySize > 0) {
                RTMP_ClientPacket(rtmp, &packet);
                RTMPPacket_Free(&packet);
            }
            if (!RTMP_IsConnected(rtmp))
                return 0;
        } else if (now_ms() >= due || asked_to_end) {
            return 1;
        }
    }
}

static uint32_t big_endian_24(const unsigned char *at)
{
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* When a tag is due. A longer step than LONGEST_PAUSE, or one back, is the clock of the file and no pause. */
static int64_t due_at(int64_t *due, uint32_t *last, uint32_t stamp)
{
    int32_t step = (int32_t)(stamp - *last);
    if (step > LONGEST_PAUSE || step < -LONGEST_PAUSE) {
        *last = stamp;
    } else if (step > 0) {
        *due += step;
        *last = stamp;
    }
    return *due;
}

/* Sends the file once; `base` is the time stamp of its beginning and is moved to its end. */
static int send_file(RTMP *rtmp, const char *path, char *tag, int64_t *due, uint32_t *last, uint32_t *base)
{
    FILE *file = fopen(path, "rb");
    uint32_t stamp = *base;
    if (!file || fseek(file, FLV_HEADER + TAG_TRAILER, SEEK_SET) != 0)
        exit(USAGE);
    while (!asked_to_end && fread(tag, 1, TAG_HEADER, file) == TAG_HEADER) {
        unsigned char *head = (unsigned char *)tag;
        uint32_t size = big_endian_24(head + 1);
        stamp = *base + (big_endian_24(head + 4) | (uint32_t)head[7] << 24);
        if (fread(tag + TAG_HEADER, 1, size + TAG_TRAILER, file) != size + TAG_TRAILER)
            break;
        /* A script tag belongs at the start of the show only. */
        if (head[0] == RTMP_PACKET_TYPE_INFO && *base > 0)
            continue;
        head[4] = stamp >> 16, head[5] = stamp >> 8, head[6] = stamp, head[7] = stamp >> 24;
        if (!listen_until(rtmp, due_at(due, last, stamp)) || RTMP_Write(rtmp, tag, TAG_HEADER + size + TAG_TRAILER) <= 0) {
            fclose(file);
            return 0;
        }
    }
    fclose(file);
    *base = stamp + 33;
    return 1;
}

int main(int count, char **words)
{
    if (count != 3)
        return USAGE;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGPIPE, SIG_IGN);
    RTMP_LogSetLevel(RTMP_LOGDEBUG);

    RTMP *rtmp = RTMP_Alloc();
    char *tag = malloc(LARGEST_TAG + TAG_HEADER + TAG_TRAILER);
    RTMP_Init(rtmp);
    rtmp->Link.timeout = 10;
    if (!tag || !RTMP_SetupURL(rtmp, words[1]))
        return USAGE;
    RTMP_EnableWrite(rtmp);
    if (!RTMP_Connect(rtmp, NULL) || !RTMP_ConnectStream(rtmp, 0)) {
        fprintf(stderr, "not let in\n");
        return NOT_LET_IN;
    }
    fprintf(stderr, "publishing\n");

    uint32_t base = 0;
    uint32_t last = 0;
    int64_t due = now_ms();
    while (!asked_to_end) {
        if (!send_file(rtmp, words[2], tag, &due, &last, &base)) {
            fprintf(stderr, "ended by the server\n");
            return ENDED_BY_SERVER;
        }
    }
    RTMP_Close(rtmp);
    RTMP_Free(rtmp);
    free(tag);
    return ASKED_TO_END;
}
