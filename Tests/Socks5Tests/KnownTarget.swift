@testable import Socks5

/// A target that is surely one.
func known(_ target: Socks5Target?) -> Socks5Target {
    guard let target else { preconditionFailure("the test's own target is refused") }
    return target
}
