import GateModel
import GateWire
import NIOCore
import Synchronization

/// Certificates that workers renew while their sessions stand.
extension SessionEndpoint {
    /// The not-after of the certificate that the other side showed last; `nil` for an anonymous one.
    var certifiedUntil: UnixTime? { certification.withLock(\.self) }

    /// The other side showed a fresh certificate.
    func certified(until end: UnixTime) { certification.withLock { $0 = end } }

    /// Shows this worker's fresh certificate, unless we hide.
    func tell(certificate: [UInt8]) {
        guard !way.isHiding else { return }
        driver?.enqueue(.certificate(ByteBuffer(bytes: certificate)))
        flush()
    }
}
