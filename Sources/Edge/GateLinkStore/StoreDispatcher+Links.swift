import Foundation
import GateLink
import GateModel
import GateStore
import NIOCore

extension StoreDispatcher {
    func links(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        guard let links else { throw .invalid("link certificates are not signed here") }
        let body = try call.read(WireBlob.self).bytes
        switch call.method {
        case .linkAuthority:
            // Certificate and key, one PEM text after the other.
            let text = String(decoding: body, as: UTF8.self)
            guard let key = text.range(of: "-----BEGIN", options: .backwards)?.lowerBound else {
                throw .invalid("an authority is a certificate and its key")
            }
            try await links.keepAuthority(certificate: String(text[..<key]), key: String(text[key...]))
            return ByteBuffer()
        default:
            return blob(try await links.certifyLink(name(for: call), request: Array(body)))
        }
    }

    /// Who joins gets a new name; who joined keeps the one it has.
    private func name(for call: StoreCall) throws(StoreFailure) -> LinkName {
        guard case .join(let member) = call.caller.role else {
            guard call.caller.family != nil else { throw .notPermitted }
            return call.caller
        }
        if case .extender(let extender) = member {
            guard call.rights.extenders.contains(extender) else { throw .notPermitted }
        }
        guard let name = LinkName(joiningBy: call.caller, number: .random(in: .min ... .max)) else {
            throw .notPermitted
        }
        return name
    }
}
