import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// Records as someone in between leaves them, in reads of a size that the first byte says: what is before the first
/// changed byte is taken, nothing behind it.
///
/// Then changes, each 3 bytes: which byte (2, big-endian, modulo all), and what it is XORed with.
enum RecordInput {
    /// Records that are sent: a receipt each.
    private static let recordCount = 4

    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        var pair = PeerPair(.seeded(1), .seeded(2))
        pair.establish()
        var (stream, ends): (ByteBuffer, [Int]) = (ByteBuffer(), [])
        for number in 0..<recordCount {
            pair.dialler.enqueue(.receipt(id: UInt64(number), status: .delivered))
            pair.dialler.seal(into: &stream, budget: 1 << 20)
            ends.append(stream.writerIndex)
        }
        let honest = stream
        change(&stream, bytes.dropFirst())
        let difference = zip(honest.readableBytesView, stream.readableBytesView).enumerated()
            .first { $1.0 != $1.1 }?.offset
        while let part = stream.readSlice(length: min(Int(first) + 1, stream.readableBytes)), part.readableBytes > 0 {
            var input = part
            pair.acceptor.received(
                &input, at: pair.clock.now, wall: pair.clock.wall, admit: { _ in true }, into: &pair.toDialler,
                events: &pair.acceptorEvents)
        }
        let whole = ends.count { end in difference.map { end <= $0 } ?? true }
        let taken = pair.acceptorEvents.count { if case .message = $0 { true } else { false } }
        precondition(taken == whole, "records before the first change are taken, and no others")
        precondition(pair.toDialler.readableBytes == 0, "a record is answered by the session alone")
    }

    private static func change(_ stream: inout ByteBuffer, _ changes: ArraySlice<UInt8>) {
        var rest = changes
        while rest.count >= 3 {
            let change = Array(rest.prefix(3))
            rest = rest.dropFirst(3)
            let place = stream.readerIndex + (Int(change[0]) << 8 | Int(change[1])) % stream.readableBytes
            let byte: UInt8 = stream.getInteger(at: place) ?? 0
            stream.setInteger(byte ^ change[2], at: place)
        }
    }

    /// No change, in reads of several sizes; a change of a length, a ciphertext and a tag.
    static let seeds: [[UInt8]] = [
        [255], [0], [1], [30], [255, 0, 0, 1], [10, 0, 2, 255], [40, 0, 26, 128], [255, 0, 100, 1, 0, 100, 1],
    ]
}
