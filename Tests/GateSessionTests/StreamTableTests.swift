import GateCrypto
import GateModel
import GateWire
import NIOCore
import Testing

@testable import GateSession

@Suite struct StreamTableTests {
    @Test func `an opener may send before it has credit, and not a byte more`() {
        var table = StreamTable(role: .responder)
        #expect(table.receivedOpen(1, of: ShippedExtender.socks5, priority: .bulk, credit: 0) == nil)
        #expect(table.received(65_536, of: 1).isAccepted)
        #expect(table.received(1, of: 1).failure == .limitExceeded)
    }

    @Test func `what arrives for a stream that never was is a violation, for one that is gone it is nothing`() {
        var table = StreamTable(role: .responder)
        #expect(table.received(1, of: 1).failure == .protocolViolation)
        #expect(table.received(1, of: 2).failure == .protocolViolation)
        _ = table.receivedOpen(1, of: ShippedExtender.socks5, priority: .bulk, credit: 0)
        _ = table.remove(1)
        #expect(table.received(1, of: 1).isIgnored)
    }

    @Test func `nothing comes after a finish`() {
        var table = StreamTable(role: .responder)
        _ = table.receivedOpen(1, of: ShippedExtender.socks5, priority: .bulk, credit: 0)
        #expect(table.receivedFinish(of: 1).isAccepted)
        #expect(table.received(1, of: 1).failure == .protocolViolation)
        #expect(table.receivedFinish(of: 1).failure == .protocolViolation)
    }

    @Test func `so many streams are open at once and no more`() {
        var table = StreamTable(role: .responder)
        for number in 0..<UInt32(WireLimits.streamsMax) {
            #expect(table.receivedOpen(2 * number + 1, of: ShippedExtender.socks5, priority: .bulk, credit: 0) == nil)
        }
        #expect(table.receivedOpen(9999, of: ShippedExtender.socks5, priority: .bulk, credit: 0) == .limitExceeded)
        _ = table.remove(1)
        #expect(table.receivedOpen(9999, of: ShippedExtender.socks5, priority: .bulk, credit: 0) == nil)
    }
}

@Suite struct SeedWindowTests {
    @Test func `a seed is new once, until its flight is stale`() {
        var window = SeedWindow()
        let seed = FlightSeed([UInt8](repeating: 1, count: 32))
        #expect(window.remember(seed, minute: 100, now: 100) == true)
        #expect(window.remember(seed, minute: 100, now: 105) == false)
        #expect(window.remember(seed, minute: 106, now: 106) == true)
    }
}

@Suite struct RecordTests {
    /// Root 00…1f, initiator to responder, epoch 0, counter 0, one ping: pinned, so that the format can't drift unseen.
    @Test func `a record has these bytes`() throws {
        let slab = try SecretSlab()
        let root = try Secret(count: 32, in: slab) { $0.copyBytes(from: 0..<32) }
        var sealer = RecordSealer(
            try RecordKeys(
                root: root, suite: .standard, direction: .initiatorToResponder, epoch: 0, slab: slab))
        var record = ByteBuffer()

        let start = sealer.begin(&record)
        MessageCodec.encode(.ping(1), into: &record)
        sealer.finish(&record, start: start)

        #expect(record.hexDump(format: .compact) == "35518506cc7a8679a8f6e0392b01f33f5eb08e0c5993be8be0c1c4")
    }
}

extension StreamTable.Verdict {
    fileprivate var isAccepted: Bool { if case .accepted = self { true } else { false } }
    fileprivate var isIgnored: Bool { if case .ignored = self { true } else { false } }
    fileprivate var failure: SessionFailure? { if case .refused(let failure) = self { failure } else { nil } }
}
