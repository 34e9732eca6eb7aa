"""The routes. Each module here exposes `router`; `PREFIX` says where it hangs when that is not /api/v1."""
