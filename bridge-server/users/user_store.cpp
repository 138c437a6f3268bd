#include "transports/core/user.hpp"
