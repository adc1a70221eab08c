// Commands from standard input, a line each. While frames pass the loop only looks whether there is one.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <string>

namespace hardpath {

class Commands {
  public:
    // Whether a whole line is there, or comes without waiting. The end of the input is not a line.
    bool ready() {
        if (has_line()) return true;
        pollfd waiting = {STDIN_FILENO, POLLIN, 0};
        return !ended_ && poll(&waiting, 1, 0) > 0 && fill() && has_line();
    }

    // The next line, for which it waits; false at the end of the input.
    bool next(std::string& line) {
        while (!has_line())
            if (ended_ || !fill()) return false;
        const size_t end = text_.find('\n', at_);
        line.assign(text_, at_, end - at_);
        at_ = end + 1;
        return true;
    }

    // Whether a whole line has been read already.
    bool has_line() const { return text_.find('\n', at_) != std::string::npos; }

  private:
    std::string text_;
    size_t at_ = 0;
    bool ended_ = false;

    bool fill() {
        text_.erase(0, at_);
        at_ = 0;
        char block[1 << 16];
        const ssize_t got = ::read(STDIN_FILENO, block, sizeof block);
        if (got <= 0) ended_ = true;
        else text_.append(block, static_cast<size_t>(got));
        return got > 0;
    }
};

}  // namespace hardpath
