import GateWire
import NIOCore

/// First byte: odd to take the rest as a compressed message's bytes, even to compress it.
enum CompressionInput {
    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let input = ByteBuffer(bytes: bytes.dropFirst())
        if mode & 1 == 1 {
            guard let restored = PayloadCompression.restored(input) else { return }
            precondition(
                restored.readableBytes <= PayloadCompression.ratioMax * input.readableBytes, "little stays little")
        } else if let compressed = PayloadCompression.compressed(input) {
            precondition(compressed.readableBytes < input.readableBytes, "only what becomes smaller is compressed")
            precondition(PayloadCompression.restored(compressed) == input, "what was compressed comes back")
        }
    }

    /// A text, plain and compressed, and one that is long enough to be tried first.
    static let seeds: [[UInt8]] = {
        let text = ByteBuffer(string: String(repeating: "a gate, a gate, ", count: 12))
        let long = ByteBuffer(bytes: (0..<5000).map { UInt8(truncatingIfNeeded: $0 / 50) })
        let compressed = [text, long].compactMap { PayloadCompression.compressed($0)?.bytes }
        return [[0] + text.bytes, [0] + long.bytes] + compressed.map { [1] + $0 }
    }()
}
