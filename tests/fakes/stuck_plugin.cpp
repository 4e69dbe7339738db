#include <unistd.h>

// A shared object whose constructor never returns, as no plug-in may: the loader's lock is held for ever, and with it the end of the process.
__attribute__((constructor)) static void never_return() {
  for (;;) ::pause();
}
