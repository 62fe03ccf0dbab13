import GateCrypto
import Testing

#if canImport(Glibc)
import Glibc

@Suite(.timeLimit(.minutes(1))) struct HardenedProcesses {
    @Test func `write no core files and can't be attached to by their user`() async {
        // In a process of its own: neither can be taken back.
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
            setrlimit(__rlimit_resource_t(4), &limit)  // RLIMIT_CORE, a macro that Swift does not see
            precondition(ProcessHardening.isDumpable == true, "a fresh process can be dumped")
            precondition(ProcessHardening.disableCoreDumps(), "both are granted")
            getrlimit(__rlimit_resource_t(4), &limit)
            precondition(limit.rlim_cur == 0 && limit.rlim_max == 0, "no core file of any size")
            precondition(ProcessHardening.isDumpable == false, "no core file, no ptrace, no /proc/PID/mem")
        }
    }

    @Test func `may open as many descriptors as the hard limit says`() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 64, rlim_max: 512)
            setrlimit(__rlimit_resource_t(7), &limit)  // RLIMIT_NOFILE
            precondition(ProcessHardening.raiseDescriptorLimit() == 512, "the hard limit holds")
            getrlimit(__rlimit_resource_t(7), &limit)
            precondition(limit.rlim_cur == 512, "the soft limit is raised")
        }
    }
}
#endif
