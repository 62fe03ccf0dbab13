import GateModel
import Testing

@testable import GateKernel

@Suite struct BacklogRoomTests {
    private final class Session {}

    private static let mebibyte = 1 << 20

    /// So many sessions with a mebibyte each.
    private func filled(_ count: Int) -> Backlog {
        var backlog = Backlog(bytesMax: 16 * Self.mebibyte)
        for _ in 0..<count {
            backlog.count(Self.mebibyte, taken: 0, before: 0, by: Session(), at: MonotonicInstant(nanoseconds: 0))
        }
        return backlog
    }

    @Test func `half of it is lent, to each a quarter of what is left`() {
        #expect(filled(4).room(waiting: 0) == CreditRoom(bytes: 1 << 20, isCrowded: false))
        #expect(filled(4).room(waiting: Self.mebibyte) == CreditRoom(bytes: 2 << 20, isCrowded: false))
        #expect(filled(8).room(waiting: 0) == CreditRoom(bytes: 0, isCrowded: true))
        #expect(filled(12).room(waiting: Self.mebibyte) == CreditRoom(bytes: 1 << 20, isCrowded: true))
        #expect(Backlog(bytesMax: .max).room(waiting: 0).bytes > CreditLedger.sharedBytesMax)
    }
}
