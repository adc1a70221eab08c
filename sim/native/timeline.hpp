// Latencies by the time at which frames came in: a fixed number of slices, which grow with the run. The twin of
// sim/timeline.py.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace hardpath {

class Timeline {
  public:
    // A frame whose first beat went in at a cycle, never before that of the frame added before it.
    void add(uint64_t cycle, uint64_t latency) {
        if (!used_) origin_ = cycle;
        while ((cycle - origin_) >> shift_ >= kSlices) widen();
        const uint64_t number = (cycle - origin_) >> shift_;
        used_ = number + 1;
        Slice& slice = slices_[number];
        slice.join({1, latency, latency, latency});
    }

    std::string json() const {
        std::string text = "{\"width\": " + std::to_string(uint64_t{1} << shift_) + ", \"slices\": [";
        for (size_t i = 0; i < used_; i++) {
            const Slice& slice = slices_[i];
            if (i) text += ", ";
            text += "[" + std::to_string(slice.frames) + ", " + std::to_string(slice.low) + ", " +
                    std::to_string(slice.high) + ", " + std::to_string(slice.total) + "]";
        }
        return text + "]}";
    }

  private:
    struct Slice {
        uint64_t frames = 0, low = 0, high = 0, total = 0;
        void join(const Slice& other) {
            if (!other.frames) return;
            low = frames ? std::min(low, other.low) : other.low;
            high = std::max(high, other.high);
            frames += other.frames;
            total += other.total;
        }
    };
    static constexpr size_t kSlices = 64;

    // Slices of twice the width, two joined to one.
    void widen() {
        for (size_t i = 0; i < kSlices; i++) {
            const Slice slice = slices_[i];
            slices_[i] = {};
            slices_[i / 2].join(slice);
        }
        shift_++;
    }

    std::array<Slice, kSlices> slices_{};
    uint64_t origin_ = 0;
    unsigned shift_ = 0;
    size_t used_ = 0;  // slices up to the last frame's
};

}  // namespace hardpath
