import GateCrypto
import GateModel
import NIOCore

/// Reads cells that no layer covers: hop handshakes, `open`, and everything at the destination.
enum PlainCell {
    /// The payload of a cell of this kind and a copy of its bytes; `nil` for another kind or a malformed payload.
    static func payload(_ cell: ByteBuffer, _ kind: CellKind) -> (CellPayload, ByteBuffer)? {
        cell.withUnsafeReadableBytes { bytes in
            guard CellHeader(bytes)?.kind == kind else { return nil }
            let region = UnsafeRawBufferPointer(rebasing: bytes[Cell.headerByteCount...])
            return CellPayload(region: region).map { ($0, ByteBuffer(bytes: region[$0.range])) }
        }
    }

    /// Adds a cell of this kind to a message.
    static func fragment(
        _ cell: ByteBuffer, _ kind: CellKind, _ assembly: inout FragmentAssembly
    ) -> FragmentAssembly.Outcome {
        cell.withUnsafeReadableBytes { bytes in
            guard CellHeader(bytes)?.kind == kind else { return .violation }
            let region = UnsafeRawBufferPointer(rebasing: bytes[Cell.headerByteCount...])
            guard let payload = CellPayload(region: region) else { return .violation }
            return assembly.received(payload, region: region)
        }
    }
}

/// Judges the records that an origin names: the last check before a relay dials.
enum RecordCheck {
    /// The record, where it is well formed, signed by its identity, in time, and not our own.
    static func accepted(_ bytes: ByteBuffer, own: NodeUUID, at wall: UnixTime) -> NodeRecord? {
        var bytes = bytes
        guard bytes.readableBytes <= RelayLimits.recordBytesMax, let record = NodeRecord(from: &bytes),
            bytes.readableBytes == 0, record.node != own,
            (try? record.verify(expecting: nil, at: wall)) != nil
        else { return nil }
        return record
    }
}
