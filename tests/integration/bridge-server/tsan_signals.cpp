// Linked into the bridge of the TSan build. libtsan makes a thread's store of signals in the thread's first blocking
// call and loses one that comes just then; a program that is told to stop right after its start would not hear of it.
#include <unistd.h>

namespace {

[[gnu::constructor]] void block_once() {
  ::usleep(1);
}

}  // namespace
