// Reads pcap and pcapng captures of any byte order and clock, one packet at a time, in constant memory.
// The twin of sim/captures.py and sim/pcapng.py, message by message.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "fault.hpp"

namespace hardpath {

struct Packet {
    std::vector<uint8_t> data;
    uint32_t interface = 0;  // from 0
    uint32_t queue = 0;
    uint64_t time_ns = 0;
};

class CaptureReader {
  public:
    CaptureReader(const std::string& path, const std::string& name) : name_(name), buffer_(1 << 18) {
        file_ = std::fopen(path.c_str(), "rb");
        if (!file_)
            throw InputFault(name_ + ": " + std::strerror(errno) + ": give an existing pcap or pcapng file");
        std::setvbuf(file_, buffer_.data(), _IOFBF, buffer_.size());
        uint8_t magic[4];
        const size_t got = std::fread(magic, 1, 4, file_);
        if (got == 0) throw InputFault(name_ + ": the file is empty: give a pcap or pcapng capture");
        if (got == 4 && load(magic, false) == kSectionHeader) {
            pcapng_ = true;
        } else if (got == 4 && is_pcap(magic)) {
            uint8_t header[20];
            exactly(header, sizeof header);
            begun_ = true;
            check_link(u32(header + 16) & 0xFFFF);  // the upper bits tell about the FCS
        } else {
            throw InputFault(name_ + ": not a capture (it starts with " + hex(magic, got) +
                             "): give a pcap or pcapng file");
        }
    }
    ~CaptureReader() {
        if (file_) std::fclose(file_);
    }
    CaptureReader(const CaptureReader&) = delete;
    CaptureReader& operator=(const CaptureReader&) = delete;

    // The next packet; false at the end of the file.
    bool next(Packet& packet) {
        if (!(pcapng_ ? next_block(packet) : next_record(packet))) return false;
        packets_++;
        return true;
    }

    const std::string& name() const { return name_; }

  private:
    static constexpr uint32_t kSectionHeader = 0x0A0D0D0A, kByteOrderMagic = 0x1A2B3C4D;
    static constexpr uint32_t kInterface = 1, kObsoletePacket = 2, kSimplePacket = 3, kEnhancedPacket = 6;
    static constexpr uint32_t kMaxPacket = 262144, kMaxBlock = 16u << 20;

    struct Interface {
        uint64_t numerator = 1000, denominator = 1;  // ns = ticks * numerator / denominator + offset
        uint64_t offset = 0;
        uint32_t snap_length = 0;
    };

    std::string name_;
    std::vector<char> buffer_;
    std::FILE* file_ = nullptr;
    bool pcapng_ = false, swapped_ = false, started_ = false;
    bool begun_ = false;  // the file's header has been read
    uint32_t unit_ns_ = 1000;
    uint64_t packets_ = 0;
    std::vector<Interface> interfaces_;
    std::vector<uint8_t> body_;

    static uint32_t load(const uint8_t* at, bool swapped) {
        uint32_t value;
        std::memcpy(&value, at, 4);
        return swapped ? __builtin_bswap32(value) : value;
    }
    uint32_t u32(const uint8_t* at) const { return load(at, swapped_); }
    uint16_t u16(const uint8_t* at) const {
        uint16_t value;
        std::memcpy(&value, at, 2);
        return swapped_ ? __builtin_bswap16(value) : value;
    }

    InputFault damaged(const std::string& reason) const {
        return InputFault(name_ + ": packet " + std::to_string(packets_ + 1) + ": " + reason);
    }
    InputFault cut_off() const {
        if (!begun_)
            return InputFault(name_ + ": the file ends inside its header: give a whole pcap or pcapng capture");
        return damaged("the file ends inside it: capture again, or cut the file before this packet");
    }
    void exactly(uint8_t* into, size_t size) {
        if (std::fread(into, 1, size, file_) != size) throw cut_off();
    }
    void check_link(uint32_t link) const {
        if (link != 1)
            throw InputFault(name_ + ": link type " + std::to_string(link) +
                             " is not Ethernet (1): capture on an Ethernet interface");
    }
    void check_size(uint32_t size) const {
        if (size > kMaxPacket)
            throw damaged("a length of " + std::to_string(size) +
                          " bytes is impossible: the file is damaged, capture again");
    }
    static std::string hex(const uint8_t* bytes, size_t size) {
        std::string text;
        char digits[4];
        for (size_t i = 0; i < size; i++) {
            std::snprintf(digits, sizeof digits, i ? " %02x" : "%02x", bytes[i]);
            text += digits;
        }
        return text;
    }

    bool is_pcap(const uint8_t* magic) {
        for (const bool swapped : {false, true}) {
            const uint32_t value = load(magic, swapped);
            if (value == 0xA1B2C3D4 || value == 0xA1B23C4D) {
                swapped_ = swapped;
                unit_ns_ = value == 0xA1B2C3D4 ? 1000 : 1;
                return true;
            }
        }
        return false;
    }

    bool next_record(Packet& packet) {
        uint8_t header[16];
        const size_t got = std::fread(header, 1, sizeof header, file_);
        if (got == 0) return false;
        if (got != sizeof header) throw cut_off();
        const uint32_t captured = u32(header + 8);
        check_size(captured);
        packet.data.resize(captured);
        exactly(packet.data.data(), captured);
        packet.interface = packet.queue = 0;
        packet.time_ns = u32(header) * uint64_t{1000000000} + u32(header + 4) * uint64_t{unit_ns_};
        return true;
    }

    bool next_block(Packet& packet) {
        for (;;) {
            uint8_t start[8];
            uint32_t type = kSectionHeader;
            if (!started_) {  // the constructor has read the first block's type
                started_ = true;
                exactly(start + 4, 4);
            } else {
                const size_t got = std::fread(start, 1, sizeof start, file_);
                if (got == 0) return false;
                if (got != sizeof start) throw cut_off();
                type = u32(start);
            }
            uint32_t head = 8;
            if (type == kSectionHeader) {
                begin_section();
                head = 12;
            }
            const uint32_t length = u32(start + 4);
            if (length < head + 4 || length % 4 || length > kMaxBlock)
                throw damaged("a block of " + std::to_string(length) +
                              " bytes is impossible: the file is damaged, capture again");
            body_.resize(length - head);  // with the second length at its end
            exactly(body_.data(), length - head - 4);
            exactly(body_.data() + length - head - 4, 4);
            if (std::memcmp(body_.data() + length - head - 4, start + 4, 4) != 0)
                throw damaged("the two lengths of a block differ: the file is damaged, capture again");
            body_.resize(length - head - 4);
            begun_ = true;
            if (type == kInterface) {
                describe_interface();
            } else if (type == kEnhancedPacket || type == kSimplePacket || type == kObsoletePacket) {
                take_packet(type, packet);
                return true;
            }
        }
    }

    void begin_section() {
        uint8_t magic[4];
        exactly(magic, 4);
        interfaces_.clear();
        for (const bool swapped : {false, true})
            if (load(magic, swapped) == kByteOrderMagic) {
                swapped_ = swapped;
                return;
            }
        throw damaged("a section header without byte order: the file is damaged, capture again");
    }

    template <typename Visit>
    void options(size_t at, Visit visit) const {
        while (at + 4 <= body_.size()) {
            const uint16_t code = u16(&body_[at]), size = u16(&body_[at + 2]);
            at += 4;
            if (code == 0) return;
            if (at + size > body_.size())
                throw damaged("an option is longer than its block: the file is damaged, capture again");
            visit(code, body_.data() + at, size);
            at += (size + 3u) & ~3u;
        }
    }

    void describe_interface() {
        if (body_.size() < 8)
            throw damaged("an interface description is too short: the file is damaged, capture again");
        check_link(u16(body_.data()));
        Interface interface;
        interface.snap_length = u32(body_.data() + 4);
        options(8, [&](uint16_t code, const uint8_t* value, uint16_t size) {
            if (code == 9 && size) {  // if_tsresol
                const bool binary = *value & 0x80;
                const unsigned exponent = *value & 0x7F;
                if (exponent > (binary ? 63u : 19u))
                    throw damaged("a clock resolution of 0x" + resolution(*value) +
                                  " is impossible: the file is damaged, capture again");
                interface.numerator = 1000000000;
                interface.denominator = 1;
                for (unsigned i = 0; i < exponent; i++) interface.denominator *= binary ? 2 : 10;
            } else if (code == 14 && size == 8) {  // if_tsoffset: seconds
                const uint64_t low = u32(value + (swapped_ ? 4 : 0)), high = u32(value + (swapped_ ? 0 : 4));
                interface.offset = (high << 32 | low) * 1000000000u;  // modulo 2^64, as times are
            }
        });
        interfaces_.push_back(interface);
    }
    static std::string resolution(uint8_t value) {
        char digits[4];
        std::snprintf(digits, sizeof digits, "%x", value);
        return digits;
    }

    void take_packet(uint32_t type, Packet& packet) {
        const uint8_t* body = body_.data();
        const uint32_t head = type == kSimplePacket ? 4 : 20;
        if (body_.size() < head) throw damaged("its block is too short: the file is damaged, capture again");
        uint32_t number = 0, captured = 0;
        uint64_t ticks = 0;
        if (type == kSimplePacket) {
            captured = u32(body);
        } else {
            number = type == kEnhancedPacket ? u32(body) : u16(body);
            ticks = uint64_t{u32(body + 4)} << 32 | u32(body + 8);
            captured = u32(body + 12);
        }
        if (number >= interfaces_.size())
            throw damaged("its interface " + std::to_string(number) +
                          " is not described: the file is damaged, capture again");
        const Interface& interface = interfaces_[number];
        if (type == kSimplePacket && interface.snap_length && interface.snap_length < captured)
            captured = interface.snap_length;
        check_size(captured);
        if (head + captured > body_.size())
            throw damaged("it is longer than its block: the file is damaged, capture again");
        packet.queue = 0;
        if (type == kEnhancedPacket)
            options(head + ((captured + 3) & ~3u), [&](uint16_t code, const uint8_t* value, uint16_t size) {
                if (code == 6 && size == 4) packet.queue = u32(value);  // epb_queue
            });
        packet.data.assign(body + head, body + head + captured);
        packet.interface = number;
        const unsigned __int128 scaled = static_cast<unsigned __int128>(ticks) * interface.numerator;
        packet.time_ns = static_cast<uint64_t>(scaled / interface.denominator) + interface.offset;
    }
};

}  // namespace hardpath
