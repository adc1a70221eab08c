// The settings of a run, as name=value arguments from sim/verilator_engine.py.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>

namespace hardpath {

class Options {
  public:
    Options(int count, char** arguments) {
        for (int i = 1; i < count; i++) {
            const std::string argument = arguments[i];
            const size_t equals = argument.find('=');
            values_[argument.substr(0, equals)] = equals == std::string::npos ? "" : argument.substr(equals + 1);
        }
    }
    std::string text(const std::string& name) const {
        const auto found = values_.find(name);
        return found == values_.end() ? "" : found->second;
    }
    uint64_t number(const std::string& name) const { return std::strtoull(text(name).c_str(), nullptr, 10); }

  private:
    std::map<std::string, std::string> values_;
};

}  // namespace hardpath
