package import NIOCore

/// The reply field of RFC 1928, section 6; also what an exit answers.
package enum Socks5Reply: UInt8, Sendable, CaseIterable {
    case succeeded = 0
    case generalFailure = 1
    case notAllowed = 2
    case networkUnreachable = 3
    case hostUnreachable = 4
    case connectionRefused = 5
    case timeToLiveExpired = 6
    case commandNotSupported = 7
    case addressTypeNotSupported = 8

    /// The whole reply. The bound address is always 0.0.0.0:0: a client has no use for the exit's.
    ///
    /// | bytes | field |
    /// | --- | --- |
    /// | 1 | version, 5 |
    /// | 1 | reply |
    /// | 1 | 0 |
    /// | 1 | address type, 1 |
    /// | 4 + 2 | address and port, 0 |
    package var bytes: ByteBuffer { ByteBuffer(bytes: [5, rawValue, 0, 1, 0, 0, 0, 0, 0, 0]) }
}
