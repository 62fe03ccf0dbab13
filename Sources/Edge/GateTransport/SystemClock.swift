package import GateModel
#if canImport(Glibc)
import Glibc
#endif

/// The machine's clocks, as the values that the machines take as arguments.
package enum SystemClock {
    /// Boot time: goes on while the machine sleeps, so a lease or a silence is never underestimated.
    package static func now() -> MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// The calendar, for certificates and flights.
    package static func wall() -> UnixTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UnixTime(seconds: Int64(time.tv_sec))
    }
}
