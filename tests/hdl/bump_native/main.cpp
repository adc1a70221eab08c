// A device in the wire (module `bump`) between two PHYs at 1 Gb/s and a serial line, for tests in `test_bump*.py`.
//
//   bump FRAMES OUT       the frames of a file at full line rate, what comes out into another
//   bump FRAMES OUT UART  the same, and then the serial line
//   bump UART PORT0 PORT1 file descriptors instead, or -1: bytes of the serial line, and frames without FCS (a datagram
//                         each), until one of them is closed
//
// A frame in a file: port (1 byte), bytes (4, little-endian), time of its first byte behind the start delimiter (8), these
// bytes with the FCS. The same times of the frames that came in are printed, a line for each port, and then, if the device
// measures latencies, when there was a verdict for them.
//
// A time is the number of cycles of `clk` as the device sees it: the edge of the PHY's clock with which the byte is on
// the pins, and then the delays below, which the device has between pins and stamps.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "Vbump.h"

using Bytes = std::vector<uint8_t>;
constexpr int64_t FS = 1, PS = 1000 * FS, NS = 1000 * PS, US = 1000 * NS;
constexpr int64_t TX_HALF = 4 * NS;
constexpr int64_t RX_HALF[2] = {4'000'400 * FS, 3'999'600 * FS};  // 100 ppm slow and fast
constexpr int64_t BIT = BUMP_BIT_PS * PS * 101 / 100;                // a serial line whose clock is 1 % slow
constexpr int64_t CLK_HALF = BUMP_PERIOD_PS * PS / 2;
constexpr int GAP = 12, PREAMBLE = 8;
// Edges of the PHY's clock. In: there are two registers in the pin's cell and one behind it before the byte is seen, and the
// time that is seen then was sampled four edges earlier. Out: from where the byte is taken to the pins there are three,
// likewise.
constexpr int IN_DELAY = 3 - 4, OUT_DELAY = -(3 + 4);

static uint32_t crc32(const Bytes& data) {
  uint32_t crc = ~0u;
  for (uint8_t byte : data) {
    crc ^= byte;
    for (int i = 0; i < 8; i++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

struct Frame {
  uint8_t port;
  uint64_t time;
  Bytes bytes;
};

// What a PHY sends, half a byte at each edge of its clock.
struct Source {
  std::deque<Bytes> frames;
  size_t at = 0, gap = 0;
  std::vector<uint64_t> began;
  bool idle() const { return frames.empty() && !gap; }
  // Data and control for the half cycle before an edge.
  void half(bool rising, uint64_t edge, uint8_t& data, uint8_t& control) {
    data = control = 0;
    if (gap) {
      if (!rising) gap--;
      return;
    }
    if (frames.empty()) return;
    const Bytes& frame = frames.front();
    uint8_t byte = at < PREAMBLE - 1 ? 0x55 : at < PREAMBLE ? 0xD5 : frame[at - PREAMBLE];
    data = rising ? byte & 15 : byte >> 4;
    control = 1;
    if (rising) {
      if (at == PREAMBLE) began.push_back(edge);
    } else if (++at == PREAMBLE + frame.size()) {
      at = 0;
      gap = GAP;
      frames.pop_front();
    }
  }
};

// What a PHY gets: sampled in both halves of the clock on the line.
struct Sink {
  uint8_t low = 0;
  bool on = false, inside = false;
  uint64_t rising = 0;
  Frame frame;
  // True when `frame` is complete.
  bool half(bool clock, uint8_t data, uint8_t control, uint64_t edge) {
    if (clock) {
      low = data;
      on = control;
      rising = edge;
      return false;
    }
    if (on != bool(control)) {
      fprintf(stderr, "TX_ER\n");
      exit(1);
    }
    uint8_t byte = low | data << 4;
    if (!on) {
      bool complete = inside;
      inside = false;
      return complete;
    }
    if (inside) {
      if (frame.bytes.empty()) frame.time = rising;
      frame.bytes.push_back(byte);
    } else if (byte == 0xD5) {
      inside = true;
      frame.bytes.clear();
    }
    return false;
  }
};

// The other end of the serial line: 8 data bits, no parity, 1 stop bit.
struct Serial {
  std::deque<uint8_t> sending, received;
  int bits = 0, got = -1;
  uint32_t shift = 0, in = 0;
  int64_t next_out = 0, next_in = 0;
  bool line = true;
  void step(int64_t now, bool from_device) {
    if (now >= next_out && (bits || !sending.empty())) {
      if (!bits) {
        shift = 0x200u | sending.front() << 1;
        sending.pop_front();
        bits = 10;
        next_out = std::max(next_out, now);
      }
      line = shift & 1;
      shift >>= 1;
      bits--;
      next_out += BIT;  // not from now, which is the cycle of the device behind it
    }
    if (got < 0 && !from_device) {
      got = 0;
      next_in = now + BIT + BIT / 2;
    } else if (got >= 0 && now >= next_in) {
      if (got == 8) {
        if (!from_device) {
          fprintf(stderr, "no stop bit\n");
          exit(1);
        }
        received.push_back(in);
        got = -1;
      } else {
        in = (in >> 1 | from_device << 7) & 0xFF;
        got++;
        next_in += BIT;
      }
    }
  }
};

class Bench {
 public:
  Vbump model;
  Source sources[2];
  Sink sinks[2];
  Serial serial;
  int64_t now = 0;
  // Rising edges of `clk` before each one of the others.
  std::vector<uint64_t> rx_cycles[2], tx_cycles;
  std::vector<Frame> out;
  // Those with which the verdicts of frames from a port were known.
  std::vector<uint64_t> judged[2];

  Bench() {
    model.rst = 1;
    model.uart_rx = 1;
    run(US);
    model.rst = 0;
    run(20 * US);
  }
  void run(int64_t duration) {
    int64_t end = now + duration;
    while (now < end) step();
  }

 private:
  uint64_t cycle_ = 0;
  int64_t clk_ = CLK_HALF, tx_ = TX_HALF, rx_[2] = {RX_HALF[0], RX_HALF[1]};

  void step() {
    now = std::min(std::min(clk_, tx_), std::min(rx_[0], rx_[1]));
    bool clk = now == clk_, tx = now == tx_, rx[2] = {now == rx_[0], now == rx_[1]};
    if (clk) {
      model.clk = !model.clk;
      clk_ += CLK_HALF;
    }
    if (tx) {
      model.tx_clk = !model.tx_clk;
      tx_ += TX_HALF;
    }
    if (rx[0]) model.rx_clk_0 = !model.rx_clk_0;
    if (rx[1]) model.rx_clk_1 = !model.rx_clk_1;
    if (tx && model.tx_clk) tx_cycles.push_back(cycle_);
    if (rx[0] && model.rx_clk_0) rx_cycles[0].push_back(cycle_);
    if (rx[1] && model.rx_clk_1) rx_cycles[1].push_back(cycle_);
    if (clk && model.clk) cycle_++;
    model.eval();
    for (int i = 0; i < 2; i++)
      if (rx[i]) {
        // In time for the next edge.
        rx_[i] += RX_HALF[i];
        bool rising = !(i ? model.rx_clk_1 : model.rx_clk_0);
        sources[i].half(rising, rx_cycles[i].size(), i ? model.rx_data_1 : model.rx_data_0, i ? model.rx_ctl_1 : model.rx_ctl_0);
      }
    if (tx) {
      receive(0, model.tx_clk_0, model.tx_data_0, model.tx_ctl_0);
      receive(1, model.tx_clk_1, model.tx_data_1, model.tx_ctl_1);
    }
    if (clk && model.clk) {
      if (model.judged_0) judged[model.source_0].push_back(cycle_);
      if (model.judged_1) judged[model.source_1].push_back(cycle_);
      serial.step(now, model.uart_tx);
      model.uart_rx = serial.line;
    }
  }
  void receive(int port, bool clock, uint8_t data, uint8_t control) {
    if (sinks[port].half(clock, data, control, tx_cycles.size() - 1)) {
      sinks[port].frame.port = port;
      out.push_back(sinks[port].frame);
    }
  }
};

static void of_file(Bench& bench, const char* in, const char* to) {
  FILE* file = fopen(in, "rb");
  uint8_t port;
  uint32_t size;
  uint64_t time;
  while (fread(&port, 1, 1, file) == 1) {
    if (fread(&size, 4, 1, file) != 1 || fread(&time, 8, 1, file) != 1) exit(2);
    Bytes bytes(size);
    if (fread(bytes.data(), 1, size, file) != size) exit(2);
    bench.sources[port].frames.push_back(bytes);
  }
  fclose(file);
  while (!bench.sources[0].idle() || !bench.sources[1].idle()) bench.run(US);
  for (size_t before = ~0ul; before != bench.out.size() || bench.sinks[0].inside || bench.sinks[1].inside;) {
    before = bench.out.size();
    bench.run(50 * US);
  }
  file = fopen(to, "wb");
  for (Frame& frame : bench.out) {
    size = frame.bytes.size();
    fwrite(&frame.port, 1, 1, file);
    fwrite(&size, 4, 1, file);
    fwrite(&bench.tx_cycles[frame.time + OUT_DELAY], 8, 1, file);
    fwrite(frame.bytes.data(), 1, size, file);
  }
  fclose(file);
  bench.out.clear();
  for (int i = 0; i < 2; i++) {
    for (uint64_t edge : bench.sources[i].began) printf("%lu ", bench.rx_cycles[i][edge + IN_DELAY]);
    printf("\n");
  }
  for (auto& verdicts : bench.judged) {
    for (uint64_t cycle : verdicts) printf("%lu ", cycle);
    printf("\n");
  }
  fflush(stdout);
}

// Waits until there is room. False if nobody reads any more.
static bool give(int fd, const uint8_t* data, size_t size) {
  ssize_t done;
  for (pollfd room = {fd, POLLOUT, 0}; (done = write(fd, data, size)) < 0 && errno == EAGAIN;) poll(&room, 1, -1);
  return done >= 0;
}

static void of_descriptors(Bench& bench, int uart, const int (&ports)[2]) {
  for (int fd : {uart, ports[0], ports[1]})
    if (fd >= 0) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  uint8_t buffer[16384];
  for (;;) {
    bench.run(5 * US);
    pollfd waiting[3] = {{uart, POLLIN, 0}, {ports[0], POLLIN, 0}, {ports[1], POLLIN, 0}};
    if (poll(waiting, 3, 0) > 0) {
      for (int i = 0; i < 3; i++) {
        if (!(waiting[i].revents & (POLLIN | POLLHUP))) continue;
        // All frames that wait, so that they follow each other without idle time.
        for (ssize_t got; (got = read(waiting[i].fd, buffer, sizeof buffer)) != -1 || errno != EAGAIN;) {
          if (got <= 0) return;
          if (i == 0) {
            bench.serial.sending.insert(bench.serial.sending.end(), buffer, buffer + got);
            continue;
          }
          Bytes frame(buffer, buffer + got);
          if (frame.size() < 60) frame.resize(60);
          uint32_t crc = crc32(frame);
          for (int k = 0; k < 4; k++) frame.push_back(crc >> 8 * k);
          bench.sources[i - 1].frames.push_back(frame);
        }
      }
    }
    for (; !bench.serial.received.empty(); bench.serial.received.pop_front())
      if (uart >= 0 && !give(uart, &bench.serial.received.front(), 1)) return;
    for (Frame& frame : bench.out)
      if (int fd = ports[frame.port]; fd >= 0 && !give(fd, frame.bytes.data(), frame.bytes.size() - 4)) return;
    bench.out.clear();
  }
}

double sc_time_stamp() { return 0; }

int main(int count, char** arguments) {
  Bench bench;
  bool file = arguments[1][0] == '/';
  if (file) of_file(bench, arguments[1], arguments[2]);
  if (file && count == 4) of_descriptors(bench, atoi(arguments[3]), {-1, -1});
  if (!file) of_descriptors(bench, atoi(arguments[1]), {atoi(arguments[2]), atoi(arguments[3])});
}
