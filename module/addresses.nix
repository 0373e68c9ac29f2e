# What an address to listen on means to whoever connects.
{lib}: {
  # Every address of the machine.
  isAny = address: lib.elem address ["::" "0.0.0.0"];

  # This machine alone.
  isLoopback = address: lib.hasPrefix "127." address || address == "::1";
}
