#include "config/share_link.hpp"
