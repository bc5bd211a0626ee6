module Rails; end
