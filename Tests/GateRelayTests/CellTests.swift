import NIOCore
import Testing

@testable import GateRelay

@Suite struct `Cells` {
    private func cell(_ circuit: UInt32, _ kind: UInt8) -> [UInt8] {
        [
            UInt8(truncatingIfNeeded: circuit >> 24), UInt8(truncatingIfNeeded: circuit >> 16),
            UInt8(truncatingIfNeeded: circuit >> 8), UInt8(truncatingIfNeeded: circuit), kind,
        ] + Array(repeating: 0, count: Cell.bodyByteCount)
    }

    @Test func `are split into runs of one circuit`() {
        var runs = CellRuns(ByteBuffer(bytes: cell(5, 3) + cell(5, 3) + cell(7, 1) + cell(5, 3)))
        let first = runs.next()
        #expect(first?.circuit == 5)
        #expect(first?.cells.readableBytes == 4096)
        #expect(first?.opening == nil)
        let second = runs.next()
        #expect(second?.circuit == 7)
        #expect(second?.opening == .hop)
        #expect(runs.next()?.cells.readableBytes == 2048)
        #expect(runs.next() == nil)
        #expect(!runs.isMalformed)
    }

    @Test(arguments: [0, 1, 2047, 2049, 4095])
    func `are refused where their bytes are no whole number of cells`(count: Int) {
        var runs = CellRuns(ByteBuffer(repeating: 3, count: count))
        #expect(runs.next() == nil)
        #expect(runs.isMalformed)
    }

    @Test(arguments: [0, 5, 255])
    func `of an unknown kind are refused`(kind: UInt8) {
        var runs = CellRuns(ByteBuffer(bytes: cell(1, kind)))
        #expect(runs.next() == nil)
        #expect(runs.isMalformed)
    }

    @Test func `have ids that tell who allotted them`() {
        var initiator = CircuitNumbers(isInitiator: true)
        var responder = CircuitNumbers(isInitiator: false)
        #expect([initiator.allot(), initiator.allot(), initiator.allot()] == [1, 3, 5])
        #expect([responder.allot(), responder.allot()] == [2, 4])
        #expect(initiator.mayBeOpenedByPeer(2))
        #expect(!initiator.mayBeOpenedByPeer(3))
        #expect(!initiator.mayBeOpenedByPeer(0))
        #expect(responder.mayBeOpenedByPeer(3))
        #expect(!responder.mayBeOpenedByPeer(4))
    }
}

@Suite struct `Cell payload` {
    @Test func `has these bytes`() {
        var source = ByteBuffer(bytes: [0xa, 0xb, 0xc])
        var region = [UInt8](repeating: 0xff, count: 10)
        region.withUnsafeMutableBytes { CellPayload.write(.extend, remaining: 2, from: &source, region: $0) }
        #expect(region == [3, 2, 0, 3, 0xa, 0xb, 0xc, 0, 0, 0])
        let payload = region.withUnsafeBytes { CellPayload(region: $0) }
        #expect(payload?.command == .extend)
        #expect(payload?.remaining == 2)
        #expect(payload?.range == 4..<7)
    }

    @Test(arguments: [
        [9, 0, 0, 1, 0], [0, 0, 0, 1, 0], [3, 16, 0, 1, 0], [1, 1, 0, 1, 0], [3, 0, 0, 2, 0], [3, 0, 1, 0, 0],
        [3, 0, 0],
    ])
    func `is refused where it is malformed`(region: [UInt8]) {
        #expect(region.withUnsafeBytes { CellPayload(region: $0) } == nil)
    }

    @Test func `fragments are put together in order only`() {
        var assembly = FragmentAssembly()
        #expect(assembly.received(.extend, 2, [1]) == .incomplete)
        #expect(assembly.received(.extend, 1, [2, 3]) == .incomplete)
        #expect(assembly.received(.extend, 0, []) == .complete(.extend, ByteBuffer(bytes: [1, 2, 3])))
        #expect(assembly.received(.connect, 0, [4]) == .complete(.connect, ByteBuffer(bytes: [4])))
        #expect(assembly.received(.extend, 2, [1]) == .incomplete)
        #expect(assembly.received(.extend, 0, [1]) == .violation)
        var other = FragmentAssembly()
        #expect(other.received(.extend, 2, [1]) == .incomplete)
        #expect(other.received(.connect, 1, [1]) == .violation)
    }

    @Test func `handshakes fill exactly the cells they were given`() {
        let message = ByteBuffer(bytes: (0..<2000).map { UInt8(truncatingIfNeeded: $0) })
        var cells = CellWriter.plain(CellHeader(circuit: 9, kind: .create), .handshake, message, count: 3)
        #expect(cells.readableBytes == 3 * Cell.byteCount)
        var assembly = FragmentAssembly()
        var outcomes: [FragmentAssembly.Outcome] = []
        while let cell = cells.readSlice(length: Cell.byteCount) {
            outcomes.append(PlainCell.fragment(cell, .create, &assembly))
        }
        #expect(outcomes == [.incomplete, .incomplete, .complete(.handshake, message)])
    }
}

extension FragmentAssembly {
    fileprivate mutating func received(_ command: CircuitCommand, _ remaining: Int, _ bytes: [UInt8]) -> Outcome {
        var region = [UInt8](repeating: 0, count: bytes.count + CellPayload.headerByteCount)
        var source = ByteBuffer(bytes: bytes)
        region.withUnsafeMutableBytes { CellPayload.write(command, remaining: remaining, from: &source, region: $0) }
        return region.withUnsafeBytes { region in
            CellPayload(region: region).map { received($0, region: region) } ?? .violation
        }
    }
}

@Suite struct `Extend request` {
    @Test func `has these bytes`() {
        let request = ExtendRequest(
            record: ByteBuffer(bytes: [1, 2, 3]), cellCount: 2, handshake: ByteBuffer(bytes: [4, 5]))
        var buffer = ByteBuffer()
        request.encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == [0, 3, 1, 2, 3, 2, 4, 5])
        #expect(ExtendRequest.decode(buffer) == request)
    }

    @Test(arguments: [
        [], [0], [0, 3, 1, 2], [0, 1, 1], [0, 1, 1, 0, 4], [0, 1, 1, 9, 4], [0, 1, 1, 2], [0x20, 1],
    ])
    func `is refused where it is cut or beyond a bound`(bytes: [UInt8]) {
        #expect(ExtendRequest.decode(ByteBuffer(bytes: bytes)) == nil)
    }
}

@Suite struct `Credit` {
    @Test func `keeps a reserve for control`() {
        var credit = CellCredit()
        #expect(credit.forData == RelayLimits.initialCredit - RelayLimits.controlReserve)
        #expect(credit.spend(credit.forData) == true)
        #expect(credit.forData == 0)
        #expect(credit.spend(RelayLimits.controlReserve) == true)
        #expect(credit.spend(1) == false)
    }

    @Test func `is refused beyond what anybody may grant`() {
        var credit = CellCredit()
        #expect(credit.allowed(.max) == false)
        #expect(credit.allowed(UInt32(RelayLimits.windowMax - RelayLimits.initialCredit)) == true)
        #expect(credit.allowed(1) == false)
    }

    @Test func `is granted again by quarters of the window, never more than came`() {
        var grant = CellGrant()
        #expect(grant.widen(by: 448) == 448)
        #expect(grant.arrived(512) == true)
        #expect(grant.arrived(1) == false)
        grant.released(127)
        #expect(grant.due() == nil)
        grant.released(1)
        #expect(grant.due() == 128)
        #expect(grant.due() == nil)
        #expect(grant.arrived(128) == true)
        #expect(grant.arrived(1) == false)
    }
}
