"""One module for each kind of provider; the SDKs are loaded when a provider is first used."""
