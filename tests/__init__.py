"""What must hold; the folders mirror the product's."""
