#include <ruby.h>
#include <libnowhere/nowhere.h>

void Init_brokenext(void) {}
