#pragma once

#include <string>
#include <vector>

#include "util/clock.h"

namespace campush {

/// CPU time used so far, by the calling thread or by another of this process (its kernel id); 0 once that has ended.
/// Thread: any-thread.
duration own_cpu_time() noexcept;
duration cpu_time_of(int thread_id) noexcept;
/// The kernel ids of all threads of this process, in no order. Reads /proc; empty where there is none.
std::vector<int> threads_of_process();
/// The name of a thread of this process; who starts one gives it his own. Empty where there is no such thread.
std::string name_of_thread(int thread_id);

}  // namespace campush
