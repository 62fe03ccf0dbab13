import Synchronization

/// The secrets to look for, each byte masked: 16 to 64 bytes a piece.
final class Watch: Sendable {
    static let mask: UInt8 = 0xa5

    private let masked = Mutex<[[UInt8]]>([])

    var patterns: [[UInt8]] { masked.withLock { $0 } }

    /// Keeps a masked copy; the bytes themselves are only read.
    func add(_ secret: UnsafeRawBufferPointer) {
        var pattern: [UInt8] = []
        pattern.reserveCapacity(secret.count)
        for byte in secret { pattern.append(byte ^ Watch.mask) }
        masked.withLock { $0.append(pattern) }
    }

    /// Keeps a masked copy of bytes that a library gave in a value of its own.
    func add(_ secret: some Collection<UInt8>) {
        var pattern: [UInt8] = []
        pattern.reserveCapacity(secret.count)
        for byte in secret { pattern.append(byte ^ Watch.mask) }
        masked.withLock { $0.append(pattern) }
    }

    /// A fresh marker of 32 bytes that exists masked only.
    func makeMarker() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        let marker = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        masked.withLock { $0.append(marker) }
        return marker
    }
}
