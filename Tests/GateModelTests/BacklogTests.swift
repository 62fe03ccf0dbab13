import GateModel
import Testing

@Suite struct BacklogTests {
    private final class Session {}

    private static let mebibyte = 1 << 20

    private func time(_ seconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: seconds * 1_000_000_000) }

    /// So many sessions, with a mebibyte each and nothing read.
    private func filled(_ count: Int, of bytesMax: Int) -> (Backlog, [Session]) {
        var backlog = Backlog(bytesMax: bytesMax)
        let sessions = (0..<count).map { _ in Session() }
        for session in sessions { backlog.count(Self.mebibyte, taken: 0, before: 0, by: session, at: time(0)) }
        return (backlog, sessions)
    }

    @Test func `counts what waits in each session, and little for nothing`() {
        var (backlog, sessions) = filled(3, of: 16 * Self.mebibyte)
        #expect(backlog.bytes == 3 * Self.mebibyte)
        backlog.count(100_000, taken: 5, before: 0, by: sessions[0], at: time(1))
        #expect(backlog.bytes == 2 * Self.mebibyte + 100_000)
        backlog.count(Backlog.leastBytes - 1, taken: 5, before: 0, by: sessions[0], at: time(1))
        backlog.leave(sessions[1])
        backlog.leave(sessions[1])
        #expect(backlog.bytes == Self.mebibyte)
        #expect(backlog.takeSlowest(at: time(2)).isEmpty)
    }

    @Test func `who reads slowest goes first, until an eighth is free`() {
        var (backlog, sessions) = filled(8, of: 8 * Self.mebibyte)
        #expect(!backlog.isOver)
        // Of the one with the most, much is read; of the others the less the later they come.
        for second in 1...20 {
            for (number, session) in sessions.enumerated() {
                let isLarge = number == 0
                let waiting = isLarge ? 2 * Self.mebibyte : Self.mebibyte
                let sealed = UInt64(second) * (isLarge ? 50_000_000 : UInt64(8 - number) * 1000)
                backlog.count(waiting, taken: sealed, before: 0, by: session, at: time(Int64(second)))
            }
        }
        #expect(backlog.isOver)
        let gone = backlog.takeSlowest(at: time(21))
        #expect(gone.map(ObjectIdentifier.init) == [sessions[7], sessions[6]].map(ObjectIdentifier.init))
        #expect(backlog.bytes == 7 * Self.mebibyte && backlog.takeSlowest(at: time(21)).isEmpty)
    }

    @Test func `the pace is that of the last seconds`() {
        var (backlog, sessions) = filled(8, of: 8 * Self.mebibyte)
        // The first read a gigabyte and then stopped; the others go on as they did.
        for second in 1...60 {
            for (number, session) in sessions.enumerated() {
                let sealed = number == 0 ? UInt64(min(second, 30)) << 25 : UInt64(second) << 16
                backlog.count(Self.mebibyte, taken: sealed, before: 0, by: session, at: time(Int64(second)))
            }
        }
        let late = Session()
        backlog.count(Self.mebibyte / 2, taken: 0, before: 0, by: late, at: time(60))
        let gone = backlog.takeSlowest(at: time(61))
        #expect(gone.first === sessions[0])
    }

    @Test func `who takes a byte a second does not stay for it`() {
        var (backlog, sessions) = filled(7, of: 8 * Self.mebibyte)
        let honest = Session()
        for second in 1...30 {
            for session in sessions {
                backlog.count(
                    Self.mebibyte, taken: UInt64(second), before: 0, by: session, at: time(Int64(second)))
            }
            backlog.count(
                4 * Self.mebibyte, taken: UInt64(second) << 20, before: 0, by: honest, at: time(Int64(second)))
        }
        let gone = backlog.takeSlowest(at: time(30))
        #expect(gone.count == 4 && !gone.contains { $0 === honest })
    }

    @Test func `who reads fast and in bursts stays, and who reads a little of much goes`() {
        var (backlog, sessions) = filled(7, of: 8 * Self.mebibyte)
        let bursty = Session()
        for second in 1...60 {
            for session in sessions {
                backlog.count(
                    Self.mebibyte, taken: UInt64(second) * 50_000, before: 0, by: session, at: time(Int64(second)))
            }
        }
        // All that came before was taken; of this burst a fifth at once.
        backlog.count(2 * Self.mebibyte, taken: 100_400_000, before: 100_000_000, by: bursty, at: time(60))
        let gone = backlog.takeSlowest(at: time(60))
        #expect(gone.count == 2 && !gone.contains { $0 === bursty })
    }

    @Test func `one session stays, however much waits in it`() {
        var backlog = Backlog(bytesMax: Self.mebibyte)
        let session = Session()
        backlog.count(9 * Self.mebibyte, taken: 0, before: 0, by: session, at: time(0))
        #expect(backlog.isOver && backlog.takeSlowest(at: time(60)).isEmpty)
    }
}
