import GateCrypto
import GateModel

/// When one session makes noise, and how much. A pure machine: time, random numbers and what was sent come from outside.
///
///     off ──follow──▶ waiting ──due: bytes──▶ waiting …
///                        └──due: a cap is reached──▶ waiting for the minute's end
struct NoiseSchedule {
    /// A constant rate whose moments were missed makes up for none of them.
    private(set) var next: MonotonicInstant?

    private var policy = NoisePolicy.off
    private var minuteEnd = MonotonicInstant(nanoseconds: 0)
    private var made = 0
    private var coverAtStart: UInt64 = 0

    private static let minute = Duration.seconds(60)
    /// The longest wait, in means.
    private static let waitMax = 10

    /// The rate of a session that sends at even moments only.
    var constantRate: ConstantRate? {
        if case .constant(let rate) = policy { rate } else { nil }
    }

    /// Takes over a policy; does nothing where it has not changed.
    mutating func follow(_ policy: NoisePolicy, at now: MonotonicInstant, _ environment: SessionEnvironment) {
        guard policy != self.policy else { return }
        self.policy = policy
        minuteEnd = now
        switch policy {
        case .off: next = nil
        case .poisson(let noise): next = now + NoiseSchedule.wait(noise, environment)
        case .constant(let rate): next = now + rate.interval
        }
    }

    /// Bytes of noise in a session's first record, whatever else that says; 0 but under the policy that makes noise at
    /// random moments. They count as the first noise of the session's first minute.
    mutating func first(at now: MonotonicInstant, _ environment: SessionEnvironment) -> Int {
        guard case .poisson(let noise) = policy else { return 0 }
        minuteEnd = now + NoiseSchedule.minute
        made = 1
        return environment.random(in: 1...noise.bytesMax)
    }

    /// Bytes of noise to send now: 0 before `next` and where a cap is reached. `cover` counts all padding and noise of
    /// the session so far.
    mutating func due(at now: MonotonicInstant, cover: UInt64, _ environment: SessionEnvironment) -> Int {
        guard let moment = next, now >= moment else { return 0 }
        switch policy {
        case .off: return 0
        case .constant(let rate):
            let following = moment + rate.interval
            next = following > now ? following : now + rate.interval
            return rate.bytes
        case .poisson(let noise):
            if now >= minuteEnd {
                minuteEnd = now + NoiseSchedule.minute
                made = 0
                coverAtStart = cover
            }
            guard made < noise.perMinute, cover - coverAtStart < UInt64(noise.budget) else {
                next = minuteEnd + NoiseSchedule.wait(noise, environment)
                return 0
            }
            made += 1
            next = now + NoiseSchedule.wait(noise, environment)
            return environment.random(in: 1...noise.bytesMax)
        }
    }

    private static func wait(_ noise: PoissonNoise, _ environment: SessionEnvironment) -> Duration {
        // On average half of the most come.
        let mean = 2 * 60e9 / Double(noise.perMinute)
        return .nanoseconds(Int64(exponential(environment) * mean))
    }

    /// Exponentially distributed with mean 1, by comparing uniform numbers (von Neumann, "Various Techniques Used in
    /// Connection With Random Digits", 1951).
    private static func exponential(_ environment: SessionEnvironment) -> Double {
        for whole in 0..<waitMax {
            let first = environment.random.next()
            var last = first
            var fallsEvenly = true
            while true {
                let next = environment.random.next()
                guard next < last else { break }
                last = next
                fallsEvenly.toggle()
            }
            if fallsEvenly { return Double(whole) + Double(first >> 11) * 0x1p-53 }
        }
        return Double(waitMax)
    }
}
