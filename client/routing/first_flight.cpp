#include "client/routing/first_flight.hpp"
