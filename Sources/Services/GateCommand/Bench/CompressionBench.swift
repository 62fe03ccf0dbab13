import GateModel
import GateWire
import NIOCore

/// `bench compression`: what compressing messages costs and gains, by what they hold.
enum CompressionBench {
    /// One kind of content.
    enum Content: String, CaseIterable {
        case text, json, image, random
    }

    struct Result {
        let content: Content
        /// Bytes that travel for each byte of payload; 1 where the payload is left alone.
        let ratio: Double
        /// CPU time for a megabyte (10^6 bytes) of payload: trying and compressing, and the way back.
        let compressing: Duration
        let restoring: Duration
    }

    private static let messageBytes = 65_536
    private static let least = Duration.milliseconds(500)

    static func run() -> [Result] {
        Content.allCases.map { content in
            let payload = payload(content)
            let compressed = PayloadCompression.compressed(payload)
            let restoring = compressed.map { compressed in cost { _ = PayloadCompression.restored(compressed) } }
            return Result(
                content: content,
                ratio: Double(compressed?.readableBytes ?? payload.readableBytes) / Double(payload.readableBytes),
                compressing: cost { _ = PayloadCompression.compressed(payload) }, restoring: restoring ?? .zero)
        }
    }

    /// For a megabyte, where `body` deals with one message.
    private static func cost(_ body: () -> Void) -> Duration {
        let start = ContinuousClock.now
        var count = 0
        while ContinuousClock.now - start < least {
            body()
            count += 1
        }
        return (ContinuousClock.now - start) / count * 1_000_000 / messageBytes
    }

    /// The same bytes each time: made, so that nothing has to be shipped, and as compressible as what they stand for.
    private static func payload(_ content: Content) -> ByteBuffer {
        var random = SplitMix64(seed: 1)
        var buffer = ByteBuffer()
        while buffer.readableBytes < messageBytes {
            switch content {
            case .text: buffer.writeString("\(word(&random)) ")
            case .json:
                let (id, score) = (random.next() % 100_000, Double(random.next() % 1_000) / 10)
                buffer.writeString("{\"id\":\(id),\"name\":\"\(word(&random))\",\"score\":\(score),\"isActive\":true},")
            case .image, .random: buffer.writeInteger(random.next())
            }
        }
        buffer.moveWriterIndex(to: messageBytes)
        return content == .image ? photograph(buffer) : buffer
    }

    /// The rarer, the higher its rank: each doubling of the rank is as likely as the last.
    private static func word(_ random: inout SplitMix64) -> String {
        let first = 1 << Int(random.next() % 10)
        return words[first + Int(random.next() % UInt64(first))]
    }

    private static let words = (0..<1024).map { rank in
        var letters = SplitMix64(seed: UInt64(rank))
        let bytes = (0..<2 + letters.next() % 8).map { _ in UInt8(ascii: "a") + UInt8(letters.next() % 26) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What formats of images leave: an entropy-coded stream, here with a marker byte after each 255 as JPEG has it.
    private static func photograph(_ coded: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer()
        for byte in coded.readableBytesView where buffer.readableBytes < messageBytes {
            buffer.writeInteger(byte)
            if byte == 0xff { buffer.writeInteger(UInt8(0)) }
        }
        buffer.moveWriterIndex(to: messageBytes)
        return buffer
    }
}
