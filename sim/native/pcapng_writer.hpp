// Writes pcapng with verdict, queue and packet id on every packet: the twin of PcapngWriter in sim/pcapng.py.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "fault.hpp"

namespace hardpath {

// A buffered output file whose errors name it.
class OutputFile {
  public:
    explicit OutputFile(const std::string& path) : path_(path), buffer_(1 << 18) {
        file_ = std::fopen(path.c_str(), "wb");
        if (!file_) fail();
        std::setvbuf(file_, buffer_.data(), _IOFBF, buffer_.size());
    }
    ~OutputFile() {
        if (file_) std::fclose(file_);
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    void write(const void* data, size_t size) {
        if (std::fwrite(data, 1, size, file_) != size) fail();
    }
    void flush() {
        if (std::fflush(file_) != 0) fail();
    }

  private:
    std::string path_;
    std::vector<char> buffer_;
    std::FILE* file_;

    [[noreturn]] void fail() const {
        throw InputFault(path_ + ": cannot write: " + std::strerror(errno) + ": choose another place");
    }
};

class PcapngWriter {
  public:
    explicit PcapngWriter(const std::string& path) : file_(path) {
        static const char application[] = "hardpath";
        begin(0x0A0D0D0A);
        u32(0x1A2B3C4D);
        u16(1);
        u16(0);
        u64(~uint64_t{0});
        option(4, application, sizeof application - 1);
        option(0, nullptr, 0);
        end();
    }

    void write(const uint8_t* data, uint32_t size, uint64_t time_ns, uint32_t interface, uint32_t queue,
               uint64_t packet_id, uint64_t verdict, const std::string& comment) {
        while (interfaces_ <= interface) describe_interface();
        begin(6);
        u32(interface);
        u32(static_cast<uint32_t>(time_ns >> 32));
        u32(static_cast<uint32_t>(time_ns));
        u32(size);
        u32(size);
        bytes(data, size);
        option(1, comment.data(), static_cast<uint16_t>(comment.size()));
        option(5, &packet_id, 8);
        option(6, &queue, 4);
        uint8_t xdp[9] = {2};
        std::memcpy(xdp + 1, &verdict, 8);
        option(7, xdp, 9);
        option(0, nullptr, 0);
        end();
    }
    void flush() { file_.flush(); }

  private:
    OutputFile file_;
    uint32_t interfaces_ = 0;
    std::vector<uint8_t> block_;

    void describe_interface() {
        const uint8_t nanoseconds = 9;
        begin(1);
        u16(1);
        u16(0);
        u32(0);
        option(9, &nanoseconds, 1);
        option(0, nullptr, 0);
        end();
        interfaces_++;
    }

    void begin(uint32_t type) {
        block_.clear();
        u32(type);
        u32(0);  // the length, filled in by end()
    }
    void end() {
        const uint32_t length = static_cast<uint32_t>(block_.size()) + 4;
        std::memcpy(&block_[4], &length, 4);
        u32(length);
        file_.write(block_.data(), block_.size());
    }
    void raw(const void* data, size_t size) {
        const auto* from = static_cast<const uint8_t*>(data);
        block_.insert(block_.end(), from, from + size);
    }
    void u16(uint16_t value) { raw(&value, 2); }
    void u32(uint32_t value) { raw(&value, 4); }
    void u64(uint64_t value) { raw(&value, 8); }
    void bytes(const void* data, size_t size) {
        raw(data, size);
        block_.resize((block_.size() + 3) & ~size_t{3});
    }
    void option(uint16_t code, const void* value, uint16_t size) {
        u16(code);
        u16(size);
        if (size) bytes(value, size);
    }
};

}  // namespace hardpath
