"""What people keep about lists: saved views, and the receipts of acts taken in bulk."""
