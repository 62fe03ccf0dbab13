import GateLink
import NIOCore
import NIOSSL

extension LinkFailure {
    /// What an error of a channel that was secured means to its link.
    init(channel error: any Error) {
        switch error {
        case NIOSSLError.uncleanShutdown: self = .connection("closed without farewell")
        case is BoringSSLError: self = .handshake("\(error)")
        default: self = .connection("\(error)")
        }
    }
}

extension ChannelHandlerContext {
    /// What the other side showed in the TLS handshake; `nil` before that is over.
    var shownCertificate: NIOSSLCertificate? {
        try? pipeline.syncOperations.handler(type: NIOSSLHandler.self).peerCertificate
    }

    /// The other side's address, for logs.
    var remoteText: String { remoteAddress.map { "\($0)" } ?? "unknown" }
}
