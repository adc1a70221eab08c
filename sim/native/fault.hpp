// What can go wrong, in the two kinds that Python tells apart: the user's input, or the simulation itself.
#pragma once

#include <stdexcept>
#include <string>

namespace hardpath {

struct InputFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct SimulationFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace hardpath
