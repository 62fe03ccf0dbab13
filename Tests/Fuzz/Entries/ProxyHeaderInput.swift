import GateWire
import NIOCore

/// Any bytes as what a balancer sends first: refused, waited for, or taken whole; and the same in pieces.
enum ProxyHeaderInput {
    static func run(_ bytes: [UInt8]) {
        let whole = ByteBuffer(bytes: bytes)
        let outcome = outcome(of: whole)
        if case .success(.some) = outcome.header {
            precondition(outcome.taken >= ProxyHeader.fixedBytes && outcome.taken <= ProxyHeader.bytesMax, "bounded")
        } else {
            precondition(outcome.taken == 0, "nothing is taken of what is no header")
        }
        if case .success(nil) = outcome.header {
            precondition(bytes.count < ProxyHeader.bytesMax, "no header is longer")
        }
        for count in bytes.indices.prefix(ProxyHeader.bytesMax) {
            let part = ProxyHeaderInput.outcome(of: ByteBuffer(bytes: bytes.prefix(count)))
            switch part.header {
            case .success(nil): continue
            case .success(.some), .failure: precondition(part == outcome, "more bytes change nothing")
            }
        }
    }

    private struct Outcome: Equatable {
        let header: Result<ProxyHeader?, ProxyHeaderFault>
        let taken: Int
    }

    private static func outcome(of bytes: ByteBuffer) -> Outcome {
        var rest = bytes
        do throws(ProxyHeaderFault) {
            let header = try ProxyHeader.read(from: &rest)
            return Outcome(header: .success(header), taken: rest.readerIndex)
        } catch {
            return Outcome(header: .failure(error), taken: rest.readerIndex)
        }
    }

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    static let seeds: [[UInt8]] = [
        signature + [0x21, 0x11, 0, 12] + [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 1, 187],
        signature + [0x21, 0x21, 0, 43] + [UInt8](repeating: 0x20, count: 36) + [5, 0, 4, 1, 2, 3, 4],
        signature + [0x20, 0, 0, 0], signature + [0x21, 0x11, 0, 15] + [UInt8](repeating: 7, count: 12) + [4, 0, 0],
    ]
}
