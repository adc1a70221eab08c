// When the input offers frames and when the output takes them: the twin of sim/timing.py.
#pragma once

#include <algorithm>
#include <cstdint>

#include "options.hpp"

namespace hardpath {

// A coin that falls on true in `chance` of 65536 cases: xorshift32 (Marsaglia 2003), the same in Python.
class Coin {
  public:
    Coin(uint64_t chance, uint64_t seed) : chance_(static_cast<uint32_t>(chance)), state_(static_cast<uint32_t>(seed)) {}
    bool toss() {
        if (chance_ >= 65536) return true;
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return (state_ >> 8 & 0xFFFF) < chance_;
    }

  private:
    uint32_t chance_, state_;
};

// The first cycle in which each frame may start: back to back, at a bit rate on the wire, or at a frame rate.
class Pace {
  public:
    explicit Pace(const Options& options)
        : bits_(options.number("bits_per_second")),
          frames_(options.number("frames_per_second")),
          clock_hz_(options.number("clock_hz")) {}

    // Earliest start of the next frame, which has `size` bytes.
    uint64_t start(uint64_t size) {
        if (!bits_ && !frames_) return 0;
        const uint64_t rate = bits_ ? bits_ : frames_;
        const uint64_t start = static_cast<uint64_t>(total_ / rate);
        // On the wire a frame also has 4 bytes of FCS, is at least 64 bytes long, and takes 20 bytes of preamble and gap.
        const uint64_t units = bits_ ? 8 * (std::max<uint64_t>(size + 4, 64) + 20) : 1;
        total_ += static_cast<unsigned __int128>(units) * clock_hz_;
        return start;
    }

  private:
    uint64_t bits_, frames_, clock_hz_;
    unsigned __int128 total_ = 0;
};

}  // namespace hardpath
