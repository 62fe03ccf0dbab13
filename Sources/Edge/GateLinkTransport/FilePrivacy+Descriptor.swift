package import GateModel
import Glibc

extension FilePrivacy {
    /// Whether an open file is kept from others; `nil` where it can't be asked.
    package static func isPrivate(descriptor: Int32) -> Bool? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        return isPrivate(mode: status.st_mode, owner: status.st_uid, user: geteuid())
    }
}
