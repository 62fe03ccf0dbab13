import GateModel
import GateWire
import NIOCore
import Testing

@testable import GateSession

@Suite struct StreamStateTests {
    private func stream() -> StreamState {
        StreamState(extender: SessionTests.extender, priority: .bulk, sendLimit: .max, receiveLimit: 0)
    }

    @Test func `small pieces that are copied wait together, large ones for themselves`() {
        var stream = stream()
        for _ in 0..<40_000 { stream.append(ByteBuffer(repeating: 1, count: 1), copies: true) }
        #expect(stream.waitingBytes == 40_000 && stream.waiting.count == 3)
        for _ in 0..<3 { stream.append(ByteBuffer(repeating: 2, count: 60_000), copies: true) }
        #expect(stream.waiting.count == 6)
    }

    @Test func `a piece that is not copied ends what pieces join`() {
        var stream = stream()
        for copies in [true, false, true, true, false, false] {
            stream.append(ByteBuffer(repeating: 1, count: 10), copies: copies)
        }
        #expect(stream.waiting.count == 5)
    }

    @Test(arguments: [true, false])
    func `large pieces that keep nothing else alive stay as they are`(isWhole: Bool) {
        var stream = stream()
        let count = 65_536
        let read = ByteBuffer(repeating: 1, count: isWhole ? count : 8 * count)
        guard let piece = read.getSlice(at: 0, length: count) else { return }
        stream.append(piece, copies: true)
        #expect(stream.waiting.first?.storageCapacity == count && stream.waitingBytes == count)
    }

    @Test func `what waits is copied once it is there to stay, and what comes then joins it`() {
        var stream = stream()
        let read = ByteBuffer(bytes: (0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
        for start in stride(from: 0, to: 9000, by: 3) {
            guard let slice = read.getSlice(at: start, length: 3) else { return }
            stream.append(slice, copies: false)
        }
        stream.settle()
        #expect(stream.waitingBytes == 9000 && stream.waiting.count == 1)
        stream.append(ByteBuffer(repeating: 1, count: 3), copies: true)
        #expect(stream.waiting.count == 1)
        var output = ByteBuffer()
        _ = stream.send(as: 1, into: &output, room: 1 << 20)
        output.moveReaderIndex(forwardBy: MessageCodec.streamDataOverhead)
        #expect(output.readSlice(length: 9000) == read.getSlice(at: 0, length: 9000))
        #expect(output.readableBytes == 3)
    }

    @Test func `pieces leave in order, however they wait and while others come`() {
        var (stream, output) = (stream(), ByteBuffer())
        var (sent, came): ([UInt8], [UInt8]) = ([], [])
        for number in 0..<5000 {
            let piece = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 41 + 1)
            stream.append(ByteBuffer(bytes: piece), copies: number % 7 != 3)
            sent += piece
            if number % 50 == 0 { stream.settle() }
            guard number % 3 == 0 else { continue }
            output.clear()
            _ = stream.send(as: 1, into: &output, room: MessageCodec.streamDataOverhead + number % 90 + 1)
            came +=
                output.getBytes(
                    at: MessageCodec.streamDataOverhead, length: output.readableBytes - MessageCodec.streamDataOverhead)
                ?? []
        }
        output.clear()
        _ = stream.send(as: 1, into: &output, room: 1 << 20)
        came +=
            output.getBytes(
                at: MessageCodec.streamDataOverhead, length: output.readableBytes - MessageCodec.streamDataOverhead)
            ?? []
        #expect(came == sent && stream.waitingBytes == 0 && stream.waiting.isEmpty)
    }
}
